//! The admins' side as a browser meets it: the Router over the store in memory, through a browser that keeps cookies,
//! fills in forms and follows redirects.

mod actions;
mod app;
mod audit;
mod browser;
mod cost;
mod document;
mod door;
mod export;
mod hostile;
mod house;
mod person;
mod rights;
mod security;
mod stream;
mod told;
mod tried;
mod users;
