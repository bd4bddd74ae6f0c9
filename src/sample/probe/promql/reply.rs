//! What Prometheus answers, and what that means.

use super::failed;
use cutover_core::estate::{Failure, FailureKind};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct Reply {
    status: String,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    /// Of VictoriaMetrics: some of its stores did not answer.
    #[serde(default, rename = "isPartial")]
    partial: bool,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
}

/// Whether the expression holds, and what it gave.
pub(super) fn read(status: u16, body: &[u8], filter: bool) -> Result<(bool, String), Failure> {
    let reply = serde_json::from_slice::<Reply>(body);
    let reply = match reply {
        Ok(reply) if status == 200 && reply.status == "success" => reply,
        Ok(reply) => {
            let kind = match (reply.error_type.as_str(), status) {
                ("timeout" | "canceled", _) => FailureKind::Timeout,
                (_, 401) => FailureKind::Auth,
                (_, 403) => FailureKind::Privilege,
                _ => FailureKind::Server,
            };
            return Err(failed(kind, &format!("Prometheus answers {status} {}: {}", reply.error_type, reply.error)));
        }
        Err(_) => {
            let (kind, what) = match status {
                401 => (FailureKind::Auth, "it wants a login, which this version cannot give"),
                403 => (FailureKind::Privilege, "it does not allow this"),
                300..=399 => (FailureKind::Protocol, "redirects are not followed: give the address it leads to"),
                _ => (FailureKind::Protocol, "which is not what Prometheus answers"),
            };
            return Err(failed(kind, &format!("the answer is {status}: {what}")));
        }
    };
    if let Some(first) = reply.warnings.iter().flatten().next() {
        return Err(failed(
            FailureKind::Server,
            &format!("Prometheus warns that the result may lack something: {first}"),
        ));
    }
    if reply.partial {
        return Err(failed(FailureKind::Server, "the result is partial: not every store answered"));
    }
    let odd = || failed(FailureKind::Protocol, "the answer has no result that can be read");
    let data = reply.data.ok_or_else(odd)?;
    match data.kind.as_str() {
        "scalar" => {
            let (_, value) = serde_json::from_value::<(f64, String)>(data.result).map_err(|_| odd())?;
            judge(&[(String::new(), number(&value)?)], false)
        }
        "vector" => {
            let series = serde_json::from_value::<Vec<Series>>(data.result).map_err(|_| odd())?;
            let values: Result<Vec<_>, Failure> = series.iter().map(one).collect();
            judge(&values?, filter)
        }
        other => Err(failed(FailureKind::Protocol, &format!("the expression gives a {other}; ask for single values"))),
    }
}

fn one(series: &Series) -> Result<(String, f64), Failure> {
    let histogram = || failed(FailureKind::Protocol, "the expression gives histograms; ask for single values");
    let labels: Vec<String> = series.metric.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
    let (_, value) = series.value.as_ref().ok_or_else(histogram)?;
    Ok((format!("{{{}}}", labels.join(", ")), number(value)?))
}

/// A value that is a number: 0/0 and 1/0 are what comes of nothing measured.
fn number(text: &str) -> Result<f64, Failure> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| failed(FailureKind::Server, &format!("the expression gives {text}, which is no answer")))
}

fn judge(values: &[(String, f64)], filter: bool) -> Result<(bool, String), Failure> {
    let bad: Vec<&(String, f64)> = values.iter().filter(|(_, value)| !filter && *value == 0.0).collect();
    match (values, &bad[..]) {
        ([], _) => {
            let why = match filter {
                true => {
                    "the result is empty: nothing meets the comparison, or nothing is measured (`> bool` tells them apart)"
                }
                false => "the result is empty: nothing is measured",
            };
            Err(failed(FailureKind::Server, why))
        }
        ([(_, value)], _) => Ok((bad.is_empty(), format!("the expression gives {value}"))),
        (many, []) => Ok((true, format!("all {} values of the expression hold", many.len()))),
        (many, [(labels, _), ..]) => {
            Ok((false, super::clipped(&format!("{} of {} values are 0, as of {labels}", bad.len(), many.len()))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(result: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#)
    }

    fn said(status: u16, body: &str, filter: bool) -> String {
        match read(status, body.as_bytes(), filter) {
            Ok((pass, said)) => format!("{pass}: {said}"),
            Err(f) => format!("{}: {}", f.kind.as_str(), f.message),
        }
    }

    #[test]
    fn values_are_judged_by_what_the_expression_is() {
        let zero = vector(r#"[{"metric":{},"value":[1,"0"]}]"#);
        assert_eq!(said(200, &zero, false), "false: the expression gives 0");
        assert_eq!(said(200, &zero, true), "true: the expression gives 0");
        let two = vector(r#"[{"metric":{"a":"x"},"value":[1,"2"]},{"metric":{"a":"y"},"value":[1,"0"]}]"#);
        assert_eq!(said(200, &two, false), "false: 1 of 2 values are 0, as of {a=\"y\"}");
        assert_eq!(said(200, &two, true), "true: all 2 values of the expression hold");
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"0"]}}"#;
        assert_eq!(said(200, scalar, true), "false: the expression gives 0");
    }

    #[test]
    fn what_is_no_answer_is_never_one() {
        for filter in [true, false] {
            assert!(said(200, &vector("[]"), filter).starts_with("server: the result is empty"));
            for value in ["NaN", "+Inf", "-Inf", "x"] {
                let body = vector(&format!(r#"[{{"metric":{{}},"value":[1,"{value}"]}}]"#));
                assert!(said(200, &body, filter).starts_with("server: the expression gives"), "{value}");
            }
        }
        let ok = r#""data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}"#;
        for (status, body, kind) in [
            (200, format!(r#"{{"status":"success","warnings":["store x is away"],{ok}}}"#), "server: Prometheus warns"),
            (200, format!(r#"{{"status":"success","isPartial":true,{ok}}}"#), "server: the result is partial"),
            (200, r#"{"status":"success"}"#.into(), "protocol: "),
            (200, r#"{"status":"error","errorType":"execution","error":"x"}"#.into(), "server: "),
            (422, r#"{"status":"error","errorType":"timeout","error":"x"}"#.into(), "timeout: "),
            (200, "<html>".into(), "protocol: "),
            (302, String::new(), "protocol: the answer is 302: redirects"),
            (401, "no".into(), "auth: "),
            (403, "no".into(), "privilege: "),
            (500, vector("[]"), "server: "),
            (200, r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.into(), "protocol: "),
            (200, vector(r#"[{"metric":{},"histogram":[1,{}]}]"#), "protocol: "),
        ] {
            assert!(said(status, &body, true).starts_with(kind), "{}", said(status, &body, true));
        }
    }
}
