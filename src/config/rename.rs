//! Prefixes renamed on the destination: two source names must never become one.

use super::error::listed;
use super::read::At;
use cutover_core::Name;
use cutover_core::pattern::Pattern;

/// Reads one map of prefixes, the longest first.
pub(super) fn read(at: &At<'_>) -> Vec<(Name, Name)> {
    let mut rules: Vec<(Name, Name)> =
        at.entries().into_iter().filter_map(|(from, to)| Some((from, to.verbatim()?))).collect();
    rules.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
    for (i, first) in rules.iter().enumerate() {
        for second in rules.iter().skip(i + 1) {
            if let Some((one, other, both)) = collision(&rules, first, second) {
                at.fail(format!(
                    "`{one}…` and `{other}…` would both become `{both}…`: two names must never become one"
                ));
            }
        }
    }
    rules
}

/// Two source prefixes that become one, if two rules allow it.
fn collision(rules: &[(Name, Name)], a: &(Name, Name), b: &(Name, Name)) -> Option<(String, String, String)> {
    let (outer, inner) = if b.1.starts_with(&*a.1) { (a, b) } else { (b, a) };
    // What follows the outer destination to make it the inner one.
    let rest = inner.1.strip_prefix(&*outer.1)?;
    let meets = format!("{}{rest}", outer.0);
    // The outer rule reaches those names only if no longer rule takes them; where it leads to the inner rule's own
    // names, the two say the same.
    let taken = rules.iter().any(|r| r.0.len() > outer.0.len() && meets.starts_with(&*r.0));
    (meets != *inner.0 && !taken).then(|| (meets, inner.0.to_string(), inner.1.to_string()))
}

/// Warns of names in scope that are not renamed and could meet one that is.
pub(super) fn warn_of_unrenamed(at: &At<'_>, rules: &[(Name, Name)], scope: &[Pattern]) {
    let meets: Vec<&str> = rules
        .iter()
        .map(|(_, to)| &**to)
        .filter(|to| !rules.iter().any(|(from, _)| to.starts_with(&**from) || from.starts_with(to)))
        .filter(|to| scope.iter().any(|p| p.matches(&format!("{to}x")) || p.matches(to)))
        .collect();
    if !meets.is_empty() {
        at.warn(format!(
            "the source may have topics in scope that begin with {} already: they keep their names and could meet a \
             renamed one",
            listed(meets)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collide(rules: &[(&str, &str)]) -> Option<String> {
        let mut rules: Vec<(Name, Name)> = rules.iter().map(|(f, t)| ((*f).into(), (*t).into())).collect();
        rules.sort_by_key(|r| std::cmp::Reverse(r.0.len()));
        let pairs = rules.iter().enumerate().flat_map(|(i, a)| rules.iter().skip(i + 1).map(move |b| (a, b)));
        let found = pairs.into_iter().find_map(|(a, b)| collision(&rules, a, b))?;
        Some(format!("{} {} {}", found.0, found.1, found.2))
    }

    #[test]
    fn two_names_that_become_one_are_found() {
        assert_eq!(collide(&[("shop.PROD.", "s."), ("shop.TEST.", "s.")]).as_deref(), Some("shop.PROD. shop.TEST. s."));
        assert_eq!(collide(&[("a.", "z."), ("b.", "z.y.")]).as_deref(), Some("a.y. b. z.y."));
        assert_eq!(collide(&[("", "z."), ("a.", "z.")]).as_deref(), Some("a.  z."));
        assert_eq!(collide(&[("", "z."), ("a.", "z.b.")]).as_deref(), Some("b. a. z.b."));
    }

    #[test]
    fn rules_that_agree_or_never_meet_are_fine() {
        assert_eq!(collide(&[("a.", "z."), ("a.b.", "z.b.")]), None);
        assert_eq!(collide(&[("a.", "z."), ("a.b.c.", "y."), ("q.", "z.b.c.")]), None, "a longer rule takes `a.b.c.`");
        assert_eq!(collide(&[("shop.PROD.", "shop.prod."), ("crm.PROD.", "crm.prod.")]), None);
    }
}
