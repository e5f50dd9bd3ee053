//! Presence and events (protocol §4.19).

use std::time::Duration;

use bytes::Bytes;

use crate::fixture::{
    HERE, Heard, Listener, THERE, audience, broker, connection, only, peer_of, push, state,
};

/// P-210, P-217.
#[test]
fn peers_lists_everybody_else_who_is_present() {
    let (broker, [one, two, asking]) = audience();
    for (speaker, data) in [(&one, b"one"), (&two, b"two"), (&asking, b"me!")] {
        broker.set_presence(HERE, speaker.id, data);
    }
    let mut peers = broker.peers(HERE, asking.id, 100);
    peers.sort_by(|a, b| a.1.cmp(&b.1));
    let data: Vec<_> = peers.iter().map(|(_, data)| data.clone()).collect();
    assert_eq!(data, [Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
    assert_eq!(broker.peers(HERE, asking.id, 1).len(), 1);
    assert_eq!(broker.peers(THERE, asking.id, 100), []);
}

/// P-211: on every set, also without change.
#[test]
fn presence_reaches_the_others_and_not_the_sender() {
    let (broker, [speaker, listener]) = audience();
    broker.set_presence(HERE, speaker.id, b"hello");
    broker.set_presence(HERE, speaker.id, b"hello");
    assert_eq!(speaker.heard(), []);
    let heard = listener.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], heard[1]);
    let peers = broker.peers(HERE, listener.id, 100);
    let (peer, data) = peers[0].clone();
    assert_eq!(heard[0], Heard::Presence(peer, data.to_vec()));
}

/// P-212.
#[test]
fn clearing_tells_the_others_once_under_the_same_name() {
    let (broker, [speaker, listener]) = audience();
    broker.clear_presence(HERE, speaker.id);
    assert_eq!(listener.heard(), [], "there was nothing to clear");
    broker.set_presence(HERE, speaker.id, b"hello");
    let peer = peer_of(listener.heard());
    broker.clear_presence(HERE, speaker.id);
    broker.clear_presence(HERE, speaker.id);
    assert_eq!(listener.heard(), [Heard::Leave(peer)]);
    assert_eq!(speaker.heard(), []);
    assert_eq!(broker.peers(HERE, listener.id, 100), []);
}

/// P-173, P-213.
#[test]
fn leaving_a_space_clears_presence_and_tells_the_others() {
    let (broker, [leaver, listener]) = audience();
    broker.set_presence(HERE, leaver.id, b"hello");
    let peer = peer_of(listener.heard());
    broker.unsubscribe(HERE, leaver.id);
    assert_eq!(listener.heard(), [Heard::Leave(peer)]);
    assert_eq!(leaver.heard(), []);
    assert_eq!(broker.peers(HERE, listener.id, 100), []);
}

/// P-220.
#[test]
fn leaving_one_space_clears_nobody_elses_presence_and_no_other_space() {
    let (broker, [leaver, stayer]) = audience();
    leaver.subscribe(&broker, THERE, 0);
    for speaker in [&leaver, &stayer] {
        broker.set_presence(HERE, speaker.id, b"here");
    }
    broker.set_presence(THERE, leaver.id, b"there");
    broker.unsubscribe(HERE, leaver.id);
    assert_eq!(broker.peers(HERE, connection(0xff), 100).len(), 1);
    assert_eq!(broker.peers(THERE, connection(0xff), 100).len(), 1);
}

/// P-214, P-216.
#[test]
fn too_much_data_is_ignored() {
    let (broker, [speaker, listener]) = audience();
    broker.set_presence(HERE, speaker.id, &[0; 1025]);
    broker.send_event(HERE, speaker.id, &[0; 4097]);
    assert_eq!(listener.heard(), []);
    broker.set_presence(HERE, speaker.id, &[1; 1024]);
    broker.send_event(HERE, speaker.id, &[2; 4096]);
    let heard = listener.heard();
    assert!(matches!(&heard[0], Heard::Presence(_, data) if data == &[1; 1024]));
    assert!(matches!(&heard[1], Heard::Event(_, data) if data == &[2; 4096]));
}

#[test]
fn no_data_at_all_is_allowed() {
    let (broker, [speaker, listener]) = audience();
    broker.set_presence(HERE, speaker.id, b"");
    broker.send_event(HERE, speaker.id, b"");
    assert_eq!(listener.heard().len(), 2);
}

/// P-215, P-218: presence and events of one connection come under one name.
#[test]
fn an_event_reaches_the_others_and_is_not_kept() {
    let (broker, [speaker, listener]) = audience();
    broker.set_presence(HERE, speaker.id, b"hello");
    let peer = peer_of(listener.heard());
    broker.send_event(HERE, speaker.id, b"pointer");
    assert_eq!(listener.heard(), [Heard::Event(peer.clone(), b"pointer".to_vec())]);
    assert_eq!(speaker.heard(), []);
    assert_eq!(broker.peers(HERE, listener.id, 100), [(peer, Bytes::from_static(b"hello"))]);
}

/// P-218.
#[test]
fn a_peer_has_another_name_in_another_space() {
    let (broker, [speaker, listener]) = audience();
    for member in [&speaker, &listener] {
        member.subscribe(&broker, THERE, 0);
    }
    broker.send_event(HERE, speaker.id, b"here");
    let here = peer_of(listener.heard());
    broker.send_event(THERE, speaker.id, b"there");
    assert_ne!(here, peer_of(listener.heard()));
}

/// P-219.
#[test]
fn the_last_peer_that_leaves_frees_the_space() {
    let (broker, [one, two]) = audience();
    broker.set_presence(HERE, one.id, b"one");
    broker.set_presence(HERE, two.id, b"two");
    broker.unsubscribe(HERE, one.id);
    broker.unsubscribe(HERE, two.id);
    assert_eq!(broker.metrics().presence_entries.get(), 0);
    assert_eq!(broker.metrics().spaces_watched.get(), 0);
}

/// P-221.
#[test]
fn the_101st_entry_is_rejected_and_updates_pass() {
    let (broker, speakers) = audience::<101>();
    let listener = Listener::new(200);
    listener.subscribe(&broker, HERE, 5);
    for speaker in &speakers {
        broker.set_presence(HERE, speaker.id, b"hello");
    }
    assert_eq!(listener.heard().len(), 100);
    broker.set_presence(HERE, speakers[0].id, b"still here");
    assert!(matches!(only(listener.heard()), Heard::Presence(_, data) if data == b"still here"));
    broker.clear_presence(HERE, speakers[0].id);
    broker.set_presence(HERE, speakers[100].id, b"at last");
    assert_eq!(listener.heard().len(), 2);
    assert_eq!(broker.metrics().presence_entries.get(), 100);
}

/// P-222, X-15.
#[tokio::test(start_paused = true)]
async fn stale_presence_is_removed_and_everybody_is_told() {
    let (broker, [stale, fresh]) = audience();
    broker.set_presence(HERE, stale.id, b"stale");
    broker.set_presence(HERE, fresh.id, b"fresh");
    tokio::time::advance(Duration::from_secs(30)).await;
    broker.set_presence(HERE, fresh.id, b"fresh");
    tokio::time::advance(Duration::from_millis(14_999)).await;
    broker.sweep_presence();
    assert_eq!(broker.metrics().presence_entries.get(), 2, "not stale before 45 s");
    let peer = peer_of(fresh.heard());
    stale.heard();
    tokio::time::advance(Duration::from_millis(1)).await;
    broker.sweep_presence();
    assert_eq!(fresh.heard(), [Heard::Leave(peer.clone())]);
    assert_eq!(stale.heard(), [Heard::Leave(peer)], "also the one it is about");
    assert_eq!(broker.peers(HERE, stale.id, 100).len(), 1);
    broker.sweep_presence();
    assert_eq!(fresh.heard(), []);
}

/// with the cadence of the job, between 45 s and 60 s.
#[tokio::test(start_paused = true)]
async fn the_sweep_tells_of_stale_presence_within_a_minute() {
    let (broker, [speaker, listener]) = audience();
    let sweep = less_sync_realtime::PresenceSweep {
        broker: broker.clone(),
        clock: std::sync::Arc::new(crate::fixture::TokioClock),
        every: Duration::from_secs(15),
    };
    let set_at = tokio::time::Instant::now() + Duration::from_secs(7);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let leave = async {
        tokio::time::sleep_until(set_at).await;
        broker.set_presence(HERE, speaker.id, b"hello");
        listener.heard();
        std::future::poll_fn(|cx| listener.outbox.poll_ready(cx)).await;
        let age = set_at.elapsed();
        assert!((Duration::from_secs(45)..Duration::from_mins(1)).contains(&age), "{age:?}");
        assert!(matches!(only(listener.heard()), Heard::Leave(_)));
        stop.send(()).unwrap();
    };
    tokio::join!(leave, sweep.run(async { stopped.await.unwrap() }));
}

#[test]
fn only_subscribers_may_speak() {
    let (broker, [listener]) = audience();
    let stranger = Listener::new(9);
    broker.set_presence(HERE, stranger.id, b"hello");
    broker.send_event(HERE, stranger.id, b"hello");
    let gate = stranger.watch(&broker, HERE);
    broker.set_presence(HERE, stranger.id, b"not authorized yet");
    broker.send_event(HERE, stranger.id, b"not authorized yet");
    assert_eq!(listener.heard(), []);
    broker.confirm(HERE, stranger.id, gate, state(5));
    broker.send_event(HERE, stranger.id, b"the response is on its way");
    assert_eq!(listener.heard().len(), 1);
}

/// A client that does not wait for its response keeps its right to speak while it subscribes again.
#[test]
fn subscribing_again_does_not_silence() {
    let (broker, [speaker, listener]) = audience();
    let _gate = speaker.watch(&broker, HERE);
    broker.send_event(HERE, speaker.id, b"hello");
    assert_eq!(listener.heard().len(), 1);
}

/// Protocol §2.7: peers that did not fit the response follow, but not into a space that was left meanwhile.
#[test]
fn frames_for_one_watcher_follow_its_subscription() {
    let broker = broker();
    let listener = Listener::new(1);
    listener.subscribe(&broker, HERE, 5);
    push(&broker, HERE, 6);
    let frame = listener.frames().remove(0);
    broker.send_ephemeral(HERE, listener.id, frame.clone());
    assert_eq!(listener.frames(), std::slice::from_ref(&frame));
    broker.unsubscribe(HERE, listener.id);
    broker.send_ephemeral(HERE, listener.id, frame);
    assert_eq!(listener.frames(), Vec::<Bytes>::new());
}
