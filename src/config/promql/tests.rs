use super::Expression;

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

#[test]
fn a_comparison_of_single_values_at_the_top_filters() {
    for text in [
        "sum(rate(http_requests_total{site=\"new\"}[5m])) > 0",
        "max(errors) < 1",
        "SUM (a) == 0",
        "sum(a) == 0 and on() group_left sum(b) != 1",
        "((max(errors) < 1))",
        "max(a) < -1 + 2e-3 # or so",
        "max(a{x=\"or (\"}) <= 3",
        "max(a{x='\\'or'}) >= max(b offset 5m)",
        "sum(rate(new[5m])) / (sum(rate(new[5m])) + sum(rate(old[5m]))) > 0.99",
        "(sum(a) or vector(0)) < 0x1F",
        "1 < sum(a) < Inf",
        "time() - max(seen) > 5 * 60",
        "quantile(0.9, a) < 1",
        "sum(up == bool 1) >= 3",
    ] {
        assert!(parse(text).filters(), "{text}");
    }
}

#[test]
fn whatever_else_is_left_is_a_value() {
    for text in [
        "up",
        "up > bool 0",
        "rate(old_requests[1m]) < bool 1",
        "max(errors) < 1 or vector(0)",
        "(max(errors) < 1) or vector(0)",
        "vector(0) unless sum(errors) > 1",
        "up and max(errors) < 1",
        "count(errors < bool 1)",
        "-1 * (max(errors) < 1)",
        "(max(a) < 1) and (max(b) < 1)",
        "(a < bool 1) * on(x) (b < bool 1)",
        "up{job!=\"x\",site=~\"a|b\"}",
        "max_over_time((up > bool 0)[5m:1m])",
        "max(a) > BOOL 0",
        "`>`",
        "sum(a) OR sum(b) > 0",
        "\"(",
        "(((",
        "é",
        "",
    ] {
        assert!(!parse(text).filters(), "{text}");
    }
}

/// One instance at 500/s and an idle one: of each of these the idle one alone would be left.
#[test]
fn what_would_pass_on_the_survivors_is_refused_wherever_it_stands() {
    for (text, named, instead) in [
        ("rate(old[1m]) < 1", "rate(old[1m]) < 1", "rate(old[1m]) < bool 1"),
        ("((rate(old[1m])<1))", "rate(old[1m])<1", "rate(old[1m])< bool 1"),
        ("sum by (instance) (old) < 1", "sum by (instance) (old) < 1", "sum by (instance) (old) < bool 1"),
        ("sum(old) by (instance) < 1", "sum(old) by (instance) < 1", "sum(old) by (instance) < bool 1"),
        ("sum without (x) (old) < 1", "sum without (x) (old) < 1", "sum without (x) (old) < bool 1"),
        ("topk(5, old) < 1", "topk(5, old) < 1", "topk(5, old) < bool 1"),
        ("count_values(\"v\", old) < 1", "count_values(\"v\", old) < 1", "count_values(\"v\", old) < bool 1"),
        ("sum(a) == 0 and on(job) old < 1", "old < 1", "old < bool 1"),
        ("old < 1 or vector(1)", "old < 1", "old < bool 1"),
        ("vector(1) unless on() old >= 1", "old >= 1", "old >= bool 1"),
        ("up and old < 1", "old < 1", "old < bool 1"),
        ("-1 * (old < 1)", "old < 1", "old < bool 1"),
        ("count(old < 1)", "old < 1", "old < bool 1"),
        ("sum(old < 1) < 2", "old < 1", "old < bool 1"),
        ("clamp_max(old < 1, 5)", "old < 1", "old < bool 1"),
        ("max_over_time((old < 1)[5m:1m])", "old < 1", "old < bool 1"),
        ("0 < old < bool 1", "0 < old < bool 1", "0 < bool old < bool 1"),
        ("old > sum(b) * 2", "old > sum(b) * 2", "old > bool sum(b) * 2"),
        ("1 > old", "1 > old", "1 > bool old"),
        ("sum(a) / old < 1", "sum(a) / old < 1", "sum(a) / old < bool 1"),
        ("sum(a) + on(x) old < 1", "sum(a) + on(x) old < 1", "sum(a) + on(x) old < bool 1"),
        ("(sum(a) or old) < 1", "(sum(a) or old) < 1", "(sum(a) or old) < bool 1"),
        ("sum(a) default old < 1", "sum(a) default old < 1", "sum(a) default old < bool 1"),
        ("union(sum(a), old) < 1", "union(sum(a), old) < 1", "union(sum(a), old) < bool 1"),
        ("(sum(a), old) < 1", "(sum(a), old) < 1", "(sum(a), old) < bool 1"),
        ("absent(old{a=\"b\"}) == 1", "absent(old{a=\"b\"}) == 1", "absent(old{a=\"b\"}) == bool 1"),
        ("sum{a=\"b\"} < 1", "sum{a=\"b\"} < 1", "sum{a=\"b\"} < bool 1"),
        ("sum(a)[5m:] < 1", "sum(a)[5m:] < 1", "sum(a)[5m:] < bool 1"),
        ("é < 1", "é < 1", "é < bool 1"),
        ("on(x) < 1", "< 1", "< bool 1"),
        ("sum(a) - < 1", "sum(a) - < 1", "sum(a) - < bool 1"),
        ("() < 1", "() < 1", "() < bool 1"),
    ] {
        let why = Expression::parse(text).expect_err(text);
        let wanted = [format!("`{named}` drops the series"), format!("write `{instead}`")];
        assert!(wanted.iter().all(|w| why.contains(w)), "{text}: {why}");
        // Whoever writes that is not sent back.
        assert!(!text.starts_with("rate") || !parse(instead).filters());
    }
}

#[test]
fn what_bool_gives_is_looked_at() {
    for text in [
        "a < bool 1 and b < bool 1",
        "sum(a) < 1 and on(x) (b < bool 1)",
        "vector(1) unless (b < bool 1)",
        "a and abs(b < bool 1)",
        "sum(a) < 1 and (sum(b) < 1 or c < bool 1)",
    ] {
        let why = Expression::parse(text).expect_err(text);
        assert!(why.contains("nobody looks at what `bool` gives"), "{text}: {why}");
    }
    parse("a < bool 1 and sum(b == bool 1) > 2");
}

#[test]
fn what_is_not_read_is_refused() {
    for text in ["a\\(b", "max(a{x\\\"=\"1\"}) < 1"] {
        assert!(Expression::parse(text).unwrap_err().contains("backslash"), "{text}");
    }
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    parse(&deep(30));
    assert!(Expression::parse(&deep(100_000)).unwrap_err().contains("parentheses"));
}
