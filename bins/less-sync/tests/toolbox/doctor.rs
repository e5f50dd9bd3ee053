//! `less-sync doctor` against servers and proxies that are set up well and badly (operations §10.3).

mod behind_caddy;
mod behind_nginx;
mod direct;
mod findings;
