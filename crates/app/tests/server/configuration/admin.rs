//! Settings of the admin listener (operations §2.7).

use super::settings::{config, effective, problems};

#[test]
fn the_admin_listener_is_off_by_default_and_never_public_without_a_token() {
    assert!(config(&[]).admin.is_none());
    let token = ("ADMIN_TOKEN", "a-token-of-the-operator");
    let local = config(&[("ADMIN_ADDR", "127.0.0.1:9090")]).admin.unwrap();
    assert_eq!((local.listen.to_string(), local.token.is_none()), ("127.0.0.1:9090".to_owned(), true));
    let remote = config(&[("ADMIN_ADDR", ":9090"), token]);
    assert_eq!(effective(&remote, "ADMIN_TOKEN"), "set");
    let warning =
        "ADMIN_ADDR 0.0.0.0:9090 is not a loopback address: requests and ADMIN_TOKEN are not encrypted";
    assert!(remote.warnings.iter().any(|given| given == warning), "{:?}", remote.warnings);
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("ADMIN_ADDR", ":9090")], "ADMIN_ADDR 0.0.0.0:9090 is not a loopback address: set ADMIN_TOKEN"),
        (&[("ADMIN_ADDR", "9090")], "invalid ADMIN_ADDR \"9090\""),
        (&[("ADMIN_ADDR", "127.0.0.1:5379")], "ADMIN_ADDR must differ from LISTEN_ADDR"),
        (
            &[("ADMIN_ADDR", "[::1]:80"), ("LISTEN_ADDR", "[::1]:80")],
            "ADMIN_ADDR must differ from LISTEN_ADDR",
        ),
        (
            &[("ADMIN_ADDR", ":9090"), ("ADMIN_TOKEN", "short")],
            "ADMIN_TOKEN must have at least 16 visible ASCII characters",
        ),
        (
            &[("ADMIN_ADDR", ":9090"), ("ADMIN_TOKEN", "a token of the operator")],
            "ADMIN_TOKEN must have at least 16 visible ASCII characters",
        ),
    ];
    for (settings, problem) in cases {
        assert_eq!(problems(settings), [problem]);
    }
}
