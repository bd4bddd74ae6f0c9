//! Does an expression hold, as an existing Prometheus evaluates it now?
//!
//! A comparison without `bool`, of single values only, filters: what is left of it holds, whatever its value. Of every
//! other expression no value may be 0. Nothing left, and a value that is no number, is no answer: it could mean that
//! nothing is measured. So are warnings, since they say that the result may lack something.

mod reply;

use super::connect::Looker;
use super::{clipped, http, plain};
use crate::config::Expression;
use cutover_core::estate::probe::ProbeSample;
use cutover_core::estate::{Failure, FailureKind};
use url::Url;

/// The most an answer has.
const BYTES: usize = 4 * 1024 * 1024;
const PATH: &str = "/api/v1/query";

/// One look.
pub(super) async fn look(looker: &Looker, url: &Url, query: &Expression) -> Result<ProbeSample, Failure> {
    let http::Got { answer, .. } = http::get(looker, &asked(looker, url, query), Some(BYTES)).await;
    let answer = answer.map_err(|miss| {
        let words = format!("Prometheus cannot be asked: {}", miss.words);
        Failure::new(miss.kind, words)
    })?;
    let (pass, said) = reply::read(answer.status.as_u16(), &answer.body, query.filters())?;
    Ok(plain(pass, said, None))
}

/// Where the expression is evaluated: below the URL, unless that is the place already.
fn asked(looker: &Looker, url: &Url, query: &Expression) -> Url {
    let mut url = url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
    let timeout = format!("{}ms", looker.within.0);
    url.query_pairs_mut().append_pair("query", query.text()).append_pair("timeout", &timeout);
    url
}

fn failed(kind: FailureKind, what: &str) -> Failure {
    Failure::new(kind, clipped(what))
}
