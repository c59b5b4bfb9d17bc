//! What stands in the place of SOAP channels in a program without the feature `soap`, which has none.

use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode, request::Parts};
use zato_core::{
    Error,
    ambient::Ambient,
    config::ConfigFaults,
    message::{Caller, Cid, Head, Payload, Reply},
};

use crate::{
    body::Body,
    edge::Via,
    entry::Entry,
    refusal::Refusal,
    table::{PathParams, Route, Table},
};

/// There is none.
pub(crate) enum Endpoint {}

impl Endpoint {
    pub(crate) fn of(_: &[Entry], _: &mut ConfigFaults) -> Option<Self> {
        None
    }

    pub(crate) fn is_asked_for_description(_: &Parts) -> bool {
        false
    }

    pub(crate) fn first(&self) -> &Arc<Route> {
        match *self {}
    }
}

/// There is none.
pub(crate) enum Exchange {}

/// What an envelope would have told.
pub(crate) struct Opened {
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) caller: Option<Arc<Caller>>,
}

impl Exchange {
    pub(crate) fn begin(endpoint: &Arc<Endpoint>, _: &HeaderMap) -> Box<Self> {
        match **endpoint {}
    }

    pub(crate) fn route(&mut self, _: Vec<String>) -> (Arc<Route>, PathParams) {
        match *self {}
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match *self {}
    }

    pub(crate) fn open(
        &mut self,
        _: &Payload,
        _: &Arc<Route>,
        _: &mut PathParams,
        _: &Ambient,
    ) -> Result<Opened, Error> {
        match *self {}
    }

    pub(crate) fn attach(&self, _: &mut Head) {
        match *self {}
    }

    pub(crate) fn replied(&self, _: Reply, _: &Route) -> Reply {
        match *self {}
    }

    pub(crate) fn fault(&self, _: StatusCode, _: &Error, _: Cid) -> Response<Body> {
        match *self {}
    }

    pub(crate) fn description(endpoint: &Endpoint, _: &Table, _: &Parts, _: Via<'_>) -> Option<Refusal> {
        match *endpoint {}
    }
}
