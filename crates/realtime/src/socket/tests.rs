//! The socket at the byte level (RFC 6455 §5).

use std::future::poll_fn;

use bytes::Bytes;
use futures_util::FutureExt as _;
use less_sync_core::Close;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{Gone, Socket};
use crate::inbound_memory::InboundMemory;
use crate::message_part::MessagePart;
use crate::session::Incoming;

const MASK: [u8; 4] = [1, 2, 3, 4];

fn pair(buffer: usize, max_message: usize) -> (Socket<DuplexStream>, DuplexStream) {
    let (server, client) = duplex(buffer);
    (Socket::new(server, max_message), client)
}

/// A masked client frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=0xffff => {
            frame.push(0x80 | 0x7e);
            frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0x80 | 0x7f);
            frame.extend(u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

async fn read(socket: &mut Socket<DuplexStream>) -> Result<Incoming, Gone> {
    poll_fn(|cx| socket.poll_read(cx, usize::MAX)).await
}

async fn write(socket: &mut Socket<DuplexStream>) -> Result<(), Gone> {
    poll_fn(|cx| socket.poll_write(cx)).await
}

async fn take(client: &mut DuplexStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn every_length_gets_the_shortest_header() {
    let rows: [(usize, &[u8]); 5] = [
        (0, &[0x82, 0]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (0xffff, &[0x82, 126, 0xff, 0xff]),
        (0x1_0000, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ];
    for (length, header) in rows {
        let (mut socket, mut client) = pair(1 << 20, 1024);
        socket.send(vec![7; length].into(), MessagePart::Whole);
        write(&mut socket).await.unwrap();
        assert_eq!(take(&mut client, header.len()).await, header);
        assert_eq!(take(&mut client, length).await, vec![7; length]);
        assert_eq!(socket.frames_written(), 1);
    }
}

#[tokio::test]
async fn many_frames_arrive_whole_and_in_order_through_a_narrow_stream() {
    let (mut socket, mut client) = pair(7, 1024);
    let frames: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; usize::from(n)]).collect();
    let expected: Vec<u8> = frames
        .iter()
        .flat_map(|frame| {
            let length = u8::try_from(frame.len()).unwrap();
            let head: &[u8] = if length < 126 { &[length] } else { &[126, 0, length] };
            [&[0x82], head, frame.as_slice()].concat()
        })
        .collect();
    for frame in frames {
        socket.send(frame.into(), MessagePart::Whole);
    }
    let (written, received) = tokio::join!(write(&mut socket), take(&mut client, expected.len()));
    written.unwrap();
    assert_eq!(received, expected);
}

#[tokio::test]
async fn close_frame_overtakes_frames_whose_write_has_not_begun() {
    let (mut socket, mut client) = pair(16, 1024);
    socket.send(vec![1; 20].into(), MessagePart::Whole);
    socket.send(vec![2; 20].into(), MessagePart::Whole);
    poll_fn(|cx| {
        assert!(socket.poll_write(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    socket.close(Close::SLOW_CONSUMER);
    assert!(!socket.may_send());
    let (written, received) = tokio::join!(write(&mut socket), take(&mut client, 22 + 2 + 2 + 13));
    written.unwrap();
    let mut expected = vec![0x82, 20];
    expected.extend([1; 20]);
    expected.extend([0x88, 15, 0x0f, 0xa6]);
    expected.extend(b"slow consumer");
    assert_eq!(received, expected);
}

#[tokio::test]
async fn pong_is_written_between_data_frames() {
    let (mut socket, mut client) = pair(1024, 1024);
    client.write_all(&masked(0x89, b"hi")).await.unwrap();
    client.write_all(&masked(0x82, b"x")).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Control)));
    socket.send(Bytes::from_static(b"data"), MessagePart::Whole);
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Binary(message)) if message == "x"));
    write(&mut socket).await.unwrap();
    assert_eq!(take(&mut client, 10).await, [&[0x8a, 2][..], b"hi", &[0x82, 4], b"data"].concat());
}

#[tokio::test]
async fn unread_pongs_pause_reading() {
    let (mut socket, mut client) = pair(1 << 20, 1024);
    for _ in 0..1000 {
        client.write_all(&masked(0x89, b"")).await.unwrap();
    }
    let mut answered = 0;
    while socket.may_read() {
        assert!(matches!(read(&mut socket).await, Ok(Incoming::Control)));
        answered += 1;
    }
    assert!(answered < 200, "{answered} pongs wait");
}

#[tokio::test]
async fn a_message_at_the_limit_passes_and_one_above_does_not() {
    let (mut socket, mut client) = pair(4096, 1000);
    client.write_all(&masked(0x82, &[9; 1000])).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Binary(message)) if message.len() == 1000));
    client.write_all(&masked(0x82, &[9; 1001])).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::TooBig)));
}

#[tokio::test]
async fn the_limit_holds_for_the_reassembled_message() {
    let (mut socket, mut client) = pair(4096, 1000);
    client.write_all(&masked(0x02, &[9; 600])).await.unwrap();
    client.write_all(&masked(0x80, &[9; 600])).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Fragment)));
    assert!(matches!(read(&mut socket).await, Ok(Incoming::TooBig)));
}

#[tokio::test]
async fn raised_limit_applies_from_the_next_message_on() {
    let (mut socket, mut client) = pair(4096, 10);
    client.write_all(&masked(0x82, &[9; 10])).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Binary(_))));
    socket.set_limits(2000, InboundMemory::new(1 << 20, 2000).share(1));
    client.write_all(&masked(0x82, &[9; 2000])).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Binary(message)) if message.len() == 2000));
}

#[tokio::test]
async fn violations_of_the_rfc_differ_from_the_end_of_the_stream() {
    let unmasked = [0x82, 1, b'x'].to_vec();
    let reserved_bit = masked(0xc2, b"x");
    let reserved_opcode = masked(0x83, b"x");
    let stray_continuation = masked(0x80, b"x");
    let fragmented_ping = masked(0x09, b"x");
    for frame in [unmasked, reserved_bit, reserved_opcode, stray_continuation, fragmented_ping] {
        let (mut socket, mut client) = pair(1024, 1024);
        client.write_all(&frame).await.unwrap();
        assert!(matches!(read(&mut socket).await, Ok(Incoming::Violation)), "{frame:?}");
        drop(client);
        assert!(read(&mut socket).await.is_err(), "what follows is drained");
    }
    let (mut socket, client) = pair(1024, 1024);
    drop(client);
    assert!(read(&mut socket).await.is_err());
}

#[tokio::test]
async fn text_frames_are_reported_with_and_without_valid_utf_8() {
    for payload in [&b"text"[..], &[0xff, 0xfe]] {
        let (mut socket, mut client) = pair(1024, 1024);
        client.write_all(&masked(0x81, payload)).await.unwrap();
        assert!(matches!(read(&mut socket).await, Ok(Incoming::Text)));
    }
}

#[tokio::test]
async fn close_frame_of_the_peer_is_echoed_unless_the_server_closed_first() {
    let close = masked(0x88, &[0x03, 0xe8]);
    let (mut socket, mut client) = pair(1024, 1024);
    client.write_all(&close).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Closed)));
    socket.acknowledge_close();
    write(&mut socket).await.unwrap();
    assert_eq!(take(&mut client, 4).await, [0x88, 2, 0x03, 0xe8]);

    let (mut socket, mut client) = pair(1024, 1024);
    client.write_all(&close).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Closed)));
    socket.close(Close::auth_failed("x"));
    socket.acknowledge_close();
    write(&mut socket).await.unwrap();
    assert_eq!(take(&mut client, 5).await, [0x88, 3, 0x0f, 0xa0, b'x']);
}

#[tokio::test]
async fn close_frame_of_the_peer_is_checked() {
    let (mut socket, mut client) = pair(1024, 1024);
    client.write_all(&masked(0x88, &[0x03, 0xed])).await.unwrap();
    assert!(matches!(read(&mut socket).await, Ok(Incoming::Closed)));
    socket.acknowledge_close();
    write(&mut socket).await.unwrap();
    assert_eq!(take(&mut client, 4).await, [0x88, 2, 0x03, 0xea], "1005 must not be sent");
    for payload in [&[3][..], &[3, 0xe8, 0xff]] {
        let (mut socket, mut client) = pair(1024, 1024);
        client.write_all(&masked(0x88, payload)).await.unwrap();
        assert!(matches!(read(&mut socket).await, Ok(Incoming::Violation)), "{payload:?}");
    }
}

/// Every split of a stream gives the same messages, also with control frames between fragments.
#[tokio::test]
async fn messages_are_the_same_in_pieces_of_any_size() {
    let long: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let stream = [
        masked(0x82, b"one"),
        masked(0x02, &long),
        masked(0x89, b"ping"),
        masked(0x00, b""),
        masked(0x80, b"end"),
        masked(0x82, &long),
        masked(0x8a, b""),
        masked(0x82, b""),
    ]
    .concat();
    for size in [1, 2, 3, 7, 100, 1000, 2048, 5003, stream.len()] {
        let (mut socket, mut client) = pair(size, 1 << 16);
        let received = async {
            let mut received = Vec::new();
            while received.len() < 8 {
                received.push(match read(&mut socket).await.unwrap() {
                    Incoming::Binary(message) => message.to_vec(),
                    Incoming::Fragment => b"fragment".to_vec(),
                    Incoming::Control => b"control".to_vec(),
                    other @ (Incoming::Text | Incoming::Closed | Incoming::TooBig | Incoming::Violation) => {
                        panic!("{other:?}")
                    }
                });
            }
            received
        };
        let (received, sent) = tokio::join!(received, client.write_all(&stream));
        sent.unwrap();
        let fragment = b"fragment".to_vec();
        let control = b"control".to_vec();
        let whole = [&long[..], b"end"].concat();
        let expected = [
            b"one".to_vec(),
            fragment.clone(),
            control.clone(),
            fragment,
            whole,
            long.clone(),
            control,
            vec![],
        ];
        assert_eq!(received, expected, "pieces of {size}");
    }
}

#[tokio::test]
async fn a_large_message_waits_for_memory_before_its_payload_is_read() {
    const SIZE: usize = 100 * 1024;
    let memory = InboundMemory::new(128 * 1024, 128 * 1024);
    let held = memory.share(1).try_reserve(64 * 1024).unwrap();
    let (mut socket, mut client) = pair(4096, 1024);
    socket.set_limits(1 << 20, memory.share(2));
    let frame = masked(0x82, &vec![5; SIZE]);
    let mut sent = std::pin::pin!(client.write_all(&frame));
    let mut receiving = std::pin::pin!(poll_fn(|cx| socket.poll_read(cx, 1024)));
    for _ in 0..100 {
        assert!((&mut sent).now_or_never().is_none());
        assert!((&mut receiving).now_or_never().is_none());
    }
    drop(held);
    let (message, sent) = tokio::join!(receiving, sent);
    sent.unwrap();
    assert!(matches!(message, Ok(Incoming::Binary(message)) if message == vec![5; SIZE]));
}

/// A large message does not occupy its worker: other tasks run in between.
#[tokio::test]
async fn a_large_message_is_read_in_several_turns() {
    let (mut socket, mut client) = pair(16 << 20, 16 << 20);
    client.write_all(&masked(0x82, &vec![5; 8 << 20])).await.unwrap();
    let mut turns = 0;
    let message = poll_fn(|cx| {
        turns += 1;
        socket.poll_read(cx, usize::MAX)
    })
    .await;
    assert!(matches!(message, Ok(Incoming::Binary(message)) if message.len() == 8 << 20));
    assert!(turns >= 32, "{turns} turns for 8 MiB");
}

#[tokio::test]
async fn control_frames_and_no_other_message_are_written_within_a_message() {
    let (mut socket, mut client) = pair(1024, 1024);
    socket.send(Bytes::from_static(b"one"), MessagePart::First);
    socket.send_between(Bytes::from_static(b"keepalive"));
    socket.ping();
    socket.send(Bytes::from_static(b"two"), MessagePart::Middle);
    socket.send(Bytes::from_static(b"three"), MessagePart::Last);
    socket.send_between(Bytes::from_static(b"k"));
    write(&mut socket).await.unwrap();
    let expected =
        [&[0x02, 3][..], b"one", &[0x89, 0], &[0x00, 3], b"two", &[0x80, 5], b"three", &[0x82, 1], b"k"]
            .concat();
    assert_eq!(take(&mut client, expected.len()).await, expected);
}

/// The input behind a text message is not parsed, so the echo of the close frame is not seen.
#[tokio::test]
async fn close_frame_after_input_that_is_not_parsed_ends_the_sending_direction() {
    for first in [0x81, 0xf2] {
        let (mut socket, mut client) = pair(1024, 1024);
        client.write_all(&masked(first, b"hello")).await.unwrap();
        assert!(matches!(read(&mut socket).await, Ok(Incoming::Text | Incoming::Violation)));
        socket.close(Close::TEXT_FRAME);
        write(&mut socket).await.unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.first(), Some(&0x88));
        // The client ends the connection once it has read that.
        drop(client);
        assert!(matches!(read(&mut socket).await, Err(Gone)));
    }
}
