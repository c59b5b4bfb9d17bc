//! A ledger of every message, while everything breaks that can: what is confirmed arrives, and is acknowledged only when
//! its service has returned.
//!
//! From a service by an outgoing connection to a queue, by a channel to a second service, by another outgoing connection to
//! a second queue, and from there to a third service. By default that is a small run; with `ZATO_TEST_AMQP_WHOLE=1` it is
//! the whole, of two or three minutes.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{task::JoinSet, time};
use zato::{
    Context, Result, Running,
    amqp::{Amqp, AmqpMessage, Received},
    model, service, services,
    testing::{
        Direction::{ToClient, ToServer},
        FaultProxy, LinkFault,
    },
};

use super::{BACK_WITHIN, SLACK, all_up, config};
use crate::{
    lent::note,
    process::{Usage, ran_alone},
    rabbitmq::{Broker, until},
};

/// Asks for the whole.
const WHOLE: &str = "ZATO_TEST_AMQP_WHOLE";

/// How many services that send are busy at once.
const SENDERS: usize = 32;

/// How many messages are sent in a second at the most: the faults shall find some on their way.
const RATE: f64 = 400.0;

/// How long a sender waits before it tries again.
const PAUSE: Duration = Duration::from_millis(50);

/// How much larger the process may become from the first tenth of the messages on. Eighty go through, and twice that with the second
/// queue; after each fault some hundreds are on their way at once.
const MEGABYTES: usize = 48;

/// How many more threads and open files there may be then; each connection has one of both, and some are on their way out.
const MORE: usize = 12;

#[model]
#[derive(Clone, Debug)]
struct Entry {
    number: usize,
    padding: String,
}

/// What is known of a message.
#[derive(Clone, Debug, Default)]
struct Record {
    /// How often the sender was told that the broker has it; once, unless something is wrong.
    confirmed: u32,
    relayed: Receipts,
    checked: Receipts,
}

/// How a message came at one place.
#[derive(Clone, Debug, Default)]
struct Receipts {
    /// How often.
    count: u32,
    /// How often the broker said that it comes again.
    redelivered: u32,
    /// How often it was a copy of ours that comes again.
    again: u32,
}

#[derive(Debug, Default)]
struct Ledger {
    records: Mutex<Vec<Record>>,
    /// What must not be.
    faults: Mutex<Vec<String>>,
    /// How often the relaying service has returned, with whatever result.
    returns: AtomicU64,
    /// How often sending has failed, and the sender has tried again itself.
    failures: Mutex<BTreeMap<String, u32>>,
}

impl Ledger {
    fn of(total: usize) -> Arc<Self> {
        Arc::new(Self { records: Mutex::new(vec![Record::default(); total]), ..Self::default() })
    }

    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().expect("nobody panics with it")
    }

    fn fault(&self, words: String) {
        self.faults.lock().expect("nobody panics with it").push(words);
    }

    fn count(&self, is: impl Fn(&Record) -> bool) -> usize {
        self.records().iter().filter(|record| is(record)).count()
    }

    /// Enters that a message has come.
    fn enter(&self, ctx: &Context, entry: &Entry, receipts: impl Fn(&mut Record) -> &mut Receipts) {
        let received = Received::of(ctx).expect("it came over AMQP");
        let known = format!("m-{}", entry.number);
        if received.message_id() != Some(&known) {
            self.fault(format!("{} has the message id {:?}", entry.number, received.message_id()));
        }
        let mut records = self.records();
        let Some(record) = records.get_mut(entry.number) else {
            return self.fault(format!("nobody has sent {}", entry.number));
        };
        let receipts = receipts(record);
        receipts.count += 1;
        receipts.redelivered += u32::from(received.is_redelivered());
        receipts.again += u32::from(!received.is_redelivered() && received.attempt() > 1);
    }
}

/// Counts when the service ends, however it does.
struct Returning(Arc<Ledger>);

impl Drop for Returning {
    fn drop(&mut self) {
        self.0.returns.fetch_add(1, Ordering::SeqCst);
    }
}

/// Sends a message on its way.
#[service(name = "ledger.send")]
async fn send(ctx: &Context, input: Entry, #[out("First")] first: Amqp) -> Result<()> {
    let id = format!("m-{}", input.number);
    let sent = first.send(ctx, AmqpMessage::model(&input).message_id(id.as_str())).await?;
    assert_eq!(sent.message_id, id);
    Ok(())
}

/// Hands it on.
#[service(name = "ledger.relay")]
async fn relay(
    ctx: &Context,
    input: Entry,
    #[out("Second")] second: Amqp,
    #[state] ledger: &Arc<Ledger>,
) -> Result<()> {
    let _returning = Returning(Arc::clone(ledger));
    ledger.enter(ctx, &input, |record| &mut record.relayed);
    second.send(ctx, AmqpMessage::model(&input).message_id(format!("m-{}", input.number))).await?;
    Ok(())
}

/// Sees it arrive.
#[service(name = "ledger.check")]
async fn check(ctx: &Context, input: Entry, #[state] ledger: &Arc<Ledger>) -> Result<()> {
    ledger.enter(ctx, &input, |record| &mut record.checked);
    Ok(())
}

/// What is done to the broker, or to the way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Stop,
    Kill,
    Close,
    Delay,
    Reset,
    Cut,
    HalfClose,
    Forget,
    Stall,
}

use Trouble::{Close, Cut, Delay, Forget, HalfClose, Kill, Reset, Stall, Stop};

/// Five stops, two kills, ten times closed by an operator, and everything that a network does.
const WHOLE_OF_IT: &[Trouble] = &[
    Close, Delay, Stop, Close, Forget, Close, Kill, Reset, Close, Close, Stop, Cut, Close, Stop, HalfClose, Close,
    Stall, Kill, Close, Delay, Stop, Close, Forget, Stop, Close,
];

const SMALL: &[Trouble] = &[Close, Stop, Forget, Kill, Reset, Close];

/// Sends messages, as many as it may.
struct Pump {
    allowed: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl Pump {
    fn start(app: &Arc<Running>, ledger: &Arc<Ledger>, count: usize) -> Self {
        let (allowed, next, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Instant::now());
        let mut tasks = JoinSet::new();
        for _ in 0..SENDERS {
            let (app, ledger) = (Arc::clone(app), Arc::clone(ledger));
            let (allowed, next) = (Arc::clone(&allowed), Arc::clone(&next));
            tasks.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    #[expect(clippy::cast_precision_loss, reason = "20000 is exact")]
                    let due = begun + Duration::from_secs_f64(number as f64 / RATE);
                    time::sleep_until(due.into()).await;
                    while number >= allowed.load(Ordering::Relaxed) {
                        time::sleep(PAUSE).await;
                    }
                    send_until_confirmed(&app, &ledger, number).await;
                }
            });
        }
        Self { allowed, tasks }
    }
}

/// Sends one message until the broker has it.
async fn send_until_confirmed(app: &Running, ledger: &Ledger, number: usize) {
    let entry = Entry { number, padding: "x".repeat(4000) };
    // It ends with the test, which has patience enough for all of them.
    while let Err(error) = app.invoke::<send>(entry.clone()).await {
        let words = format!("{}: {}", error.kind().as_str(), error.message());
        *ledger.failures.lock().expect("nobody panics with it").entry(words).or_default() += 1;
        time::sleep(PAUSE).await;
    }
    ledger.records().get_mut(number).expect("it has a place").confirmed += 1;
}

/// The whole arrangement.
struct Run {
    broker: Broker,
    proxy: FaultProxy,
    app: Arc<Running>,
    ledger: Arc<Ledger>,
    /// How often the relaying service had returned when the broker began to count its acknowledgements.
    returns_before: u64,
}

impl Run {
    async fn start(test: &str, total: usize) -> Option<Self> {
        let broker = Broker::own(test).await?;
        for queue in ["first", "second"] {
            broker.management().declare_queue(queue, json!({})).await;
        }
        let proxy = FaultProxy::to(broker.address().parse().expect("an address")).await.expect("a free port");
        let url = broker.url().replace(broker.address(), &proxy.address().to_string());
        let yaml = config(
            &url,
            "    heartbeat: 1s\n",
            "outgoing_amqp:\n  \
               - {name: First, definition: main, routing_key: first, retry: true}\n  \
               - {name: Second, definition: main, routing_key: second, retry: true}\n\
             channel_amqp:\n  \
               - {name: relay, definition: main, queue: first, service: ledger.relay, pool_size: 20, retry_delay: 100ms}\n  \
               - {name: check, definition: main, queue: second, service: ledger.check, pool_size: 20, retry_delay: 100ms}\n",
        );
        let ledger = Ledger::of(total);
        let app = super::app("ledger").services(services![send, relay, check]).state(Arc::clone(&ledger));
        let app = app.config_yaml(yaml).start().await.expect("it starts");
        all_up(&app).await;
        Some(Self { broker, proxy, app: Arc::new(app), ledger, returns_before: 0 })
    }

    /// Brings about some trouble, and ends it.
    async fn suffer(&mut self, trouble: Trouble) {
        let before = self.proxy.connections();
        match trouble {
            Stop => {
                self.broker.stop().await;
                self.start_again().await;
            }
            Kill => {
                self.broker.kill().await;
                self.start_again().await;
            }
            Close => {
                let management = self.broker.management();
                until("connections to close", async || (management.close_connections().await > 0).then_some(())).await;
            }
            Delay => self.has_fault(LinkFault::Delay(ToServer, Duration::from_millis(150)), None).await,
            Reset => self.has_fault(LinkFault::ResetAfter(ToClient, 2000), Some(before + 1)).await,
            Cut => self.has_fault(LinkFault::CutAfter(ToServer, 5000), Some(before + 1)).await,
            HalfClose => self.has_fault(LinkFault::HalfCloseAfter(ToServer, 3000), Some(before + 1)).await,
            Forget => self.has_fault(LinkFault::Forget, Some(before + 2)).await,
            Stall => self.has_fault(LinkFault::Stall, Some(before + 1)).await,
        }
    }

    async fn start_again(&mut self) {
        // What the new one counts begins with nothing.
        self.returns_before = self.ledger.returns.load(Ordering::SeqCst);
        self.broker.start().await;
    }

    /// Has the way be in some fault until the program has connected so often, or some more messages have come through.
    async fn has_fault(&self, fault: LinkFault, connections: Option<u64>) {
        self.proxy.set(fault).await;
        let arrived = || self.ledger.count(|record| record.checked.count > 0);
        let before = arrived();
        let is_over = async || match connections {
            Some(connections) => (self.proxy.connections() >= connections).then_some(()),
            None => (arrived() >= before + 20).then_some(()),
        };
        until("the fault has shown", is_over).await;
        self.proxy.set(LinkFault::None).await;
    }

    /// Waits until everything is back, a new message goes all the way included, and returns how long that has taken.
    async fn back(&self, probe: usize) -> Duration {
        let begun = Instant::now();
        all_up(&self.app).await;
        let up = begun.elapsed();
        send_until_confirmed(&self.app, &self.ledger, probe).await;
        let confirmed = begun.elapsed();
        let has_arrived = async || self.ledger.records().get(probe).filter(|record| record.checked.count > 0).map(drop);
        until("a new message arrives", has_arrived).await;
        let all = begun.elapsed();
        note(format_args!("  up after {up:?}, a message confirmed after {confirmed:?}, arrived after {all:?}"));
        all
    }

    /// Nothing is acknowledged before its service has returned: the broker has seen no more acknowledgements than there
    /// were returns.
    async fn compare_acknowledgements(&self) {
        let acknowledged = self.broker.management().acknowledged("first").await;
        let returned = self.ledger.returns.load(Ordering::SeqCst) - self.returns_before;
        if acknowledged > returned {
            self.ledger.fault(format!("{acknowledged} were acknowledged when {returned} services had returned"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_lost_whatever_breaks() {
    let test = "amqp::ledger::no_message_is_lost_whatever_breaks";
    if ran_alone(test).await {
        return;
    }
    let is_whole = env::var_os(WHOLE).is_some_and(|value| value == "1");
    let (count, troubles) = if is_whole { (20_000, WHOLE_OF_IT) } else { (2_000, SMALL) };
    let begun = Instant::now();
    // The last ones are sent when something is over, to see whether it is.
    let Some(mut run) = Run::start(test, count + troubles.len()).await else { return };
    let usage_of_start = Usage::now();
    let mut pump = Pump::start(&run.app, &run.ledger, count);
    let (mut usage, mut longest) = (None, Duration::ZERO);
    for (index, &trouble) in troubles.iter().enumerate() {
        let part = count / troubles.len();
        pump.allowed.store(part * (index + 1), Ordering::Relaxed);
        let arrived = part * index + part / 4;
        until("some messages", async || (run.ledger.count(|record| record.confirmed > 0) >= arrived).then_some(()))
            .await;
        run.compare_acknowledgements().await;
        eprintln!("{:?}: {trouble:?}, {:?}", begun.elapsed(), Usage::now());
        run.suffer(trouble).await;
        longest = longest.max(run.back(count + index).await);
        if usage.is_none() && run.ledger.count(|record| record.checked.count > 0) > count / 10 {
            usage = Some(Usage::now());
        }
    }
    pump.allowed.store(count, Ordering::Relaxed);
    finish(&run, &mut pump).await;
    let (before, after) = (usage.expect("a tenth has come through"), Usage::now());
    eprintln!("{:?}: {usage_of_start:?}, then {before:?}, at last {after:?}; longest {longest:?}", begun.elapsed());
    assert!(after.megabytes <= before.megabytes + MEGABYTES, "memory is bounded");
    assert!(after.threads <= before.threads + MORE, "threads end");
    assert!(after.files <= before.files + MORE, "connections end");
    assert!(longest < BACK_WITHIN + SLACK, "everything is back soon");
}

/// Waits until everything has come through, and compares the ledger.
async fn finish(run: &Run, pump: &mut Pump) {
    let is_sent = async || (run.ledger.count(|record| record.confirmed == 0) == 0).then_some(());
    until("everything is sent", is_sent).await;
    pump.tasks.shutdown().await;
    let has_arrived = async || (run.ledger.count(|record| record.checked.count == 0) == 0).then_some(());
    until("everything arrives", has_arrived).await;
    for name in ["first", "second"] {
        let queue = async || run.broker.management().queue(name).await.filter(|queue| queue.messages == 0);
        until("the queue is empty", queue).await;
    }
    run.compare_acknowledgements().await;
    let records = run.ledger.records().clone();
    let (mut duplicates, mut unmarked) = (0, 0);
    for (number, record) in records.iter().enumerate() {
        assert_eq!(record.confirmed, 1, "{number}: {record:?}");
        for receipts in [&record.relayed, &record.checked] {
            assert!(receipts.count > 0, "{number} is lost: {record:?}");
            duplicates += receipts.count - 1;
            unmarked += (receipts.count - 1).saturating_sub(receipts.redelivered + receipts.again);
        }
    }
    note(format_args!("{duplicates} came again, {unmarked} of them with a known message id alone"));
    let failures = run.ledger.failures.lock().expect("nobody panics with it").clone();
    note(format_args!("the sender was told {failures:#?}"));
    let faults = run.ledger.faults.lock().expect("nobody panics with it").clone();
    assert!(faults.is_empty(), "{faults:#?}");
}
