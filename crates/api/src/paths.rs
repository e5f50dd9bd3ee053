//! Classes of request paths that the layers treat differently.

use less_sync_core::SpaceId;

use crate::files::address;

/// All paths of the API; routes of their own precede this pattern.
pub(crate) const API: &str = "/api/{*path}";

/// Prefix of public documents.
pub(crate) const WELL_KNOWN: &str = "/.well-known/";

/// WebSocket upgrade routes. The endpoint itself orders the checks of a request and of the draining server, and its
/// error responses have no body (protocol §1.2).
const UPGRADE_ROUTES: [&str; 1] = ["/api/v1/ws"];

/// Health routes, which report draining in their own responses.
const HEALTH_ROUTES: [&str; 3] = ["/health", "/livez", "/readyz"];

/// Returns true for WebSocket upgrade routes.
pub(crate) fn is_upgrade_route(path: &str) -> bool {
    UPGRADE_ROUTES.contains(&path)
}

/// Returns true for paths that are routed while the server drains.
pub(crate) fn is_open_while_draining(path: &str) -> bool {
    HEALTH_ROUTES.contains(&path) || is_upgrade_route(path)
}

/// Space in the path of a file, if it is an id.
pub(crate) fn space(path: &str) -> Option<SpaceId> {
    address::segments(path)?.0.parse().ok()
}

/// Returns true for the paths of files, valid or not.
pub(crate) fn is_file_path(path: &str) -> bool {
    address::segments(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_files_are_recognized() {
        assert!(is_file_path(
            "/api/v1/spaces/7b0d9e52-1c34-4f6a-8e21-5d90ab34cd12/files/5f0c7c1e93a44c559a0e1b2c3d4e5f60"
        ));
        assert!(is_file_path("/api/v1/spaces/x/files/y"));
        for other in
            ["/api/v1/spaces/x/files/y/z", "/api/v1/spaces/x/y", "/api/v1/ws", "/api/v1/spaces/x/files"]
        {
            assert!(!is_file_path(other), "{other}");
        }
    }
}
