//! Families under construction: only those with a sample are ever encoded, since the encoder fails on an empty one.

use super::names::{Kind, Metric};
use prometheus::proto;
use prometheus::{Error, TextEncoder};

/// Families in the order they were begun.
#[derive(Debug, Default)]
pub(super) struct Families(Vec<(&'static str, proto::MetricFamily)>);

impl Families {
    /// Adds a sample; `labels` are the values of the metric's labels, in order.
    pub(super) fn add(&mut self, metric: &Metric, labels: &[&str], value: f64) {
        let pairs = metric.labels.iter().zip(labels).map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        let mut sample = proto::Metric::from_label(pairs.collect());
        match metric.kind {
            Kind::Gauge => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                sample.set_gauge(gauge);
            }
            Kind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                sample.set_counter(counter);
            }
        }
        self.family(metric).mut_metric().push(sample);
    }

    fn family(&mut self, metric: &Metric) -> &mut proto::MetricFamily {
        let at = self.0.iter().position(|(name, _)| *name == metric.name).unwrap_or_else(|| {
            let mut family = proto::MetricFamily::default();
            family.set_name(metric.name.to_owned());
            family.set_help(metric.help.to_owned());
            family.set_field_type(match metric.kind {
                Kind::Gauge => proto::MetricType::GAUGE,
                Kind::Counter => proto::MetricType::COUNTER,
            });
            self.0.push((metric.name, family));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// As text.
    ///
    /// # Errors
    /// What the encoder says.
    pub(super) fn encode(self) -> Result<String, Error> {
        let families: Vec<proto::MetricFamily> = self.0.into_iter().map(|(_, f)| f).collect();
        let mut out = String::new();
        TextEncoder::new().encode_utf8(&families, &mut out)?;
        Ok(out)
    }
}

/// A boolean as a sample.
pub(super) fn flag(b: bool) -> f64 {
    if b { 1.0 } else { 0.0 }
}

/// A whole number as a sample; exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
pub(super) fn whole(n: i64) -> f64 {
    n as f64
}

/// A count as a sample.
pub(super) fn count(n: u64) -> f64 {
    whole(i64::try_from(n).unwrap_or(i64::MAX))
}
