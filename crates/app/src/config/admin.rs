//! Admin listener settings (operations §2.7).

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;
use super::server::ListenAddress;

const ADDRESS: &str = "ADMIN_ADDR";
const TOKEN: &str = "ADMIN_TOKEN";

/// Minimum length of the token, in characters.
const TOKEN_CHARACTERS: usize = 16;

/// Admin listener configuration.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Address to listen on (`ADMIN_ADDR`).
    pub listen: ListenAddress,
    /// Bearer token of all requests but health checks (`ADMIN_TOKEN`); always set for addresses that other machines reach.
    pub token: Option<SecretString>,
}

/// Reads the settings; `main` is the address of the main listener, if it is valid.
pub(super) fn read(reader: &mut Reader<'_>, main: Option<&ListenAddress>) -> Option<AdminConfig> {
    let address = reader.text(ADDRESS);
    let token = token(reader);
    let Some(address) = address else {
        if token.is_some() {
            reader.warning(format!("{TOKEN} has no effect without {ADDRESS}"));
        }
        return None;
    };
    let Some(listen) = ListenAddress::parse(&address) else {
        reader.problem(format!("invalid {ADDRESS} \"{address}\""));
        return None;
    };
    reader.show(ADDRESS, &listen);
    if main.is_some_and(|main| collide(main, &listen)) {
        reader.problem(format!("{ADDRESS} must differ from LISTEN_ADDR"));
    }
    if reader.is_development() && !listen.is_loopback() {
        reader.problem(format!("--dev allows loopback addresses only, not {listen}"));
    }
    if !listen.is_loopback() {
        if token.is_none() {
            reader.problem(format!("{ADDRESS} {listen} is not a loopback address: set {TOKEN}"));
        } else {
            reader.warning(format!(
                "{ADDRESS} {listen} is not a loopback address: requests and {TOKEN} are not encrypted"
            ));
        }
    }
    Some(AdminConfig { listen, token })
}

fn token(reader: &mut Reader<'_>) -> Option<SecretString> {
    let token = reader.text(TOKEN).map(SecretString::from)?;
    reader.show(TOKEN, "set");
    let text = token.expose_secret();
    if text.chars().count() < TOKEN_CHARACTERS || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        reader.problem(format!("{TOKEN} must have at least {TOKEN_CHARACTERS} visible ASCII characters"));
    }
    Some(token)
}

/// True if both listeners would use one port. Port 0 is a free one for each.
fn collide(main: &ListenAddress, admin: &ListenAddress) -> bool {
    let is_wildcard = |address: &ListenAddress| matches!(address.host.as_str(), "0.0.0.0" | "::");
    let same_host = main.host == admin.host || is_wildcard(main) || is_wildcard(admin);
    main.port == admin.port && main.port != 0 && same_host
}
