use less_sync_core::{Cursor, Epoch};

use super::*;

const NODE: NodeId = [9; 16];

fn space(number: u8) -> SpaceId {
    SpaceId::from_bytes([number; 16])
}

fn change(number: u8, event: Option<EncodedEvent>) -> Message {
    let at = |number| Cursor::new(number).unwrap();
    Message::Changed(RemoteChange { space: space(number), prev: at(4), cursor: at(5), event })
}

fn event(length: usize) -> EncodedEvent {
    EncodedEvent {
        key_generation: Epoch::new(3).unwrap(),
        rewrap_epoch: Some(Epoch::new(4).unwrap()),
        frame: Bytes::from(vec![7; length]),
        second: Some(Bytes::from_static(b"second")),
    }
}

fn every_kind() -> Vec<Message> {
    let member = Did::try_from("did:key:zDnaexample").unwrap();
    let ephemeral =
        |kind| Message::Ephemeral(EphemeralChange { space: space(6), peer: PeerName([8; 16]), kind });
    vec![
        change(1, None),
        change(2, Some(event(10))),
        Message::Revoked(space(3), Revocation::new(Cid::from_bytes([3; 32]), Some(member))),
        Message::Revoked(space(3), Revocation::new(Cid::from_bytes([4; 32]), None)),
        Message::Purged(space(4)),
        Message::Invitation(MailboxId::from_bytes([5; 32])),
        ephemeral(EphemeralKind::Present(Bytes::from_static(b"here"))),
        ephemeral(EphemeralKind::Present(Bytes::new())),
        ephemeral(EphemeralKind::Left),
        ephemeral(EphemeralKind::Event(Bytes::from_static(b"hello"))),
        Message::PresenceWanted(space(7)),
        Message::Disconnected(ActorDigest([8; 32])),
        Message::TrustChanged,
    ]
}

/// Content of a message; revocations show nothing by themselves.
fn described(message: &Message) -> String {
    if let Message::Revoked(space, revocation) = message {
        let member = revocation.member_did().map(Did::as_str);
        return format!("{space} {:?} {member:?}", revocation.cid_bytes());
    }
    format!("{message:?}")
}

fn encoded(messages: &[Message], max: usize) -> Vec<Bytes> {
    let mut number = 0;
    let sender = Sender { node: NODE, topic: BusTopic::Everyone, hello: None };
    encode(sender, messages, max, || {
        number += 1;
        number
    })
}

#[test]
fn every_message_is_decoded_as_it_was_encoded() {
    let messages = every_kind();
    let batches = encoded(&messages, 60_000);
    assert_eq!(batches.len(), 1);
    let received = decode(&batches[0]).unwrap();
    assert_eq!((received.node, received.shard, received.sequence), (NODE, None, 1));
    let (sent, got): (Vec<_>, Vec<_>) =
        (messages.iter().map(described).collect(), received.messages.iter().map(described).collect());
    assert_eq!(sent, got);
}

#[test]
fn batches_keep_to_the_maximum_and_lose_nothing() {
    let messages: Vec<_> = (0..200).map(|number| change(number, Some(event(usize::from(number))))).collect();
    let batches = encoded(&messages, 1000);
    assert!(batches.len() > 10);
    assert!(batches.iter().all(|batch| batch.len() <= 1000));
    let received: Vec<_> = batches.iter().map(|batch| decode(batch).unwrap()).collect();
    assert!(received.iter().map(|batch| batch.sequence).eq(1..=batches.len() as u64));
    let all: Vec<_> = received.iter().flat_map(|batch| &batch.messages).map(described).collect();
    assert_eq!(all, messages.iter().map(described).collect::<Vec<_>>());
}

#[test]
fn estimated_lengths_are_upper_bounds() {
    for message in every_kind() {
        let alone = encoded(std::slice::from_ref(&message), 60_000)[0].len();
        assert!(alone <= OVERHEAD + message.max_len(), "{message:?}: {alone}");
    }
}

#[test]
fn hello_travels_alone_and_once() {
    let hello = BusHello {
        software: "1.2.3",
        schema: 12,
        identity: Some(&[1; 8]),
        time: 99,
        uptime: Some(7),
        leaves: true,
    };
    let sender = Sender { node: NODE, topic: BusTopic::Everyone, hello: Some(&hello) };
    let alone = encode(sender, &[], 1000, || 7);
    assert_eq!(alone.len(), 1);
    let expected = Hello {
        software: "1.2.3".into(),
        schema: 12,
        identity: Some(vec![1; 8]),
        time: 99,
        uptime: Some(7),
        leaves: true,
    };
    assert_eq!(decode(&alone[0]).unwrap().hello, Some(expected));
    let messages: Vec<_> = (0..40).map(|number| change(number, None)).collect();
    let batches = encode(sender, &messages, 1000, || 7);
    let hellos = batches.iter().filter(|batch| decode(batch).unwrap().hello.is_some()).count();
    assert_eq!(hellos, 1);
}

#[test]
fn no_message_is_no_batch() {
    assert!(encoded(&[], 1000).is_empty());
}

#[test]
fn damaged_batches_are_unreadable() {
    let batch = encoded(&every_kind(), 60_000).remove(0);
    for length in 0..batch.len() {
        assert_eq!(decode(&batch.slice(..length)).err(), Some(Unreadable), "{length}");
    }
    let mut flipped = 0;
    for index in 0..batch.len() {
        let mut damaged = batch.to_vec();
        damaged[index] ^= 0xff;
        // Neither panic nor endless loop; content may change without notice.
        flipped += usize::from(decode(&Bytes::from(damaged)).is_err());
    }
    assert!(flipped > 0);
}
