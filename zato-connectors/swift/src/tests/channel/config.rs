use tokio::time::{Duration, sleep};

use zato_core::{channel::Channel as _, metrics::Exposition};

use super::{Gate, Program, Seen, app, channel, memory, until};
use crate::SwiftChannels;

#[tokio::test]
async fn what_is_wrong_with_an_entry_is_told_with_its_place() {
    let kit = memory().await;
    let yaml = "channel_swift:
  - {name: a, connection: Stor, containers: CRM, service: anything}
  - {name: b, connection: Store, containers: [CRM, a/b], service: anything, pool_size: 0, dead_letter: CRM}
  - {name: c, connection: Store, containers: CRM, service: anything, after_success: move, lease: 1s}";
    let error = app(&kit, &Seen::default(), &Gate::default()).config_yaml(yaml).start().await.unwrap_err();
    let report = error.report().to_string();
    for words in [
        "2:5: no outgoing_swift named \"Stor\"",
        "the pool_size of the channel \"b\": without a place no object can be served",
        "the dead_letter of the channel \"b\": the channel polls this container",
        "the containers of the channel \"b\": the name of the container has a slash",
        "the move_to of the channel \"c\": objects are to be moved, and nobody says where to",
        "the lease of the channel \"c\": others would take over what is in work",
    ] {
        assert!(report.contains(words), "{words} in {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn channels_have_states_as_connections_do_and_are_counted() {
    let kit = memory().await;
    let one = channel(&kit, "pool_size: 1").replace("channel_swift: [", "").replace('\n', "");
    let one = one.trim_end_matches(']');
    let yaml = format!(
        "outgoing_swift: [{{name: 'Off', is_active: false, auth_url: 'http://swift/auth/v1.0', user: 'a:b', key: c}}]
channel_swift:
  - {one}
  - {{name: 'off', connection: 'Off', containers: a, service: anything}}
  - {{name: idle, is_active: false, connection: Store, containers: a, service: anything}}"
    );
    let program = Program::start(&kit, &Seen::default(), &yaml).await;
    kit.put("a", "1").await;
    kit.put("b", "bad").await;
    until("both are served", || program.seen.len() == 2).await;
    sleep(Duration::from_secs(5)).await;
    let state = |name: &str| {
        let statuses = program.app.statuses();
        let found = statuses.iter().find(|status| status.section == "channel_swift" && status.name == name);
        found.map(|status| status.state.word()).unwrap()
    };
    assert_eq!([state("invoices"), state("off"), state("idle")], ["up", "inactive", "inactive"]);
    let metrics = {
        let mut exposition = Exposition::default();
        program.app.channel::<SwiftChannels>().unwrap().metrics(&mut exposition);
        exposition.to_string()
    };
    for line in [
        "zato_channel_messages_total{section=\"channel_swift\",channel=\"invoices\",outcome=\"acked\"} 1\n",
        "zato_channel_messages_total{section=\"channel_swift\",channel=\"invoices\",outcome=\"dead_lettered\"} 1\n",
        "zato_channel_messages_in_work{section=\"channel_swift\",channel=\"invoices\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}
