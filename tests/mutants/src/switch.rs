//! A source with all its mutants in it, each behind a switch.
//!
//! An expression that a mutant changes becomes `(if on(7) { changed } else { as it was })`; what is inside is switched in
//! the last branch only, so that exactly one mutant is on at a time. Where a value is returned at once, it is returned at
//! the top of the function; where an arm is deleted, it gets a guard.

use crate::list::{Genre, Mutant};
use std::collections::BTreeMap;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// How the source calls the switch.
const ON: &str = "crate::mutants_switch::on";

/// What is put into the root of the crate: the switch, which also notes which mutants a run comes to.
pub(crate) const MODULE: &str = r#"
#[allow(missing_docs, clippy::all)]
pub(crate) mod mutants_switch {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static ONE: OnceLock<Option<usize>> = OnceLock::new();
    static NOTED: OnceLock<Option<(std::fs::File, Vec<AtomicBool>)>> = OnceLock::new();

    fn noted() -> &'static Option<(std::fs::File, Vec<AtomicBool>)> {
        NOTED.get_or_init(|| {
            let file = std::fs::File::create(std::env::var_os("MUTANTS_REACHED")?).ok()?;
            Some((file, (0..100_000).map(|_| AtomicBool::new(false)).collect()))
        })
    }

    #[inline(never)]
    pub(crate) fn on(id: usize) -> bool {
        if let Some((file, seen)) = noted() {
            if !seen[id].swap(true, Ordering::Relaxed) {
                let mut file = file;
                let _ = file.write_all(format!("{id}\n").as_bytes());
            }
        }
        *ONE.get_or_init(|| std::env::var("MUTANTS_ON").ok()?.parse().ok()) == Some(id)
    }
}
"#;

/// A source with switches.
pub(crate) struct Switched {
    /// Its text.
    pub(crate) text: String,
    /// Where in it each mutant stands.
    pub(crate) places: Vec<(Range<usize>, usize)>,
}

/// A place where text is put in. Of those at one place, who opens the wider range comes first and who closes it last.
struct Insert {
    at: usize,
    order: (u8, isize),
    text: String,
    mutant: Option<usize>,
}

/// Where in the text a mutant can be, and how.
enum Place {
    /// An expression is wrapped, in these brackets.
    Wrap(Range<usize>, [&'static str; 2]),
    /// At the top of a function.
    Top(usize),
    /// All of a function that returns some iterator.
    Iterator(Range<usize>),
    /// An arm: what is matched, where its pattern or guard ends, and its guard.
    Arm(usize, usize, Option<Range<usize>>),
}

struct Finder<'a> {
    lines: &'a Lines<'a>,
    /// By what a mutant is found: genre and where its text begins.
    found: BTreeMap<(Genre, usize), Place>,
    /// The innermost `if` that has a chain of lets.
    chain: Option<Range<usize>>,
    constant: bool,
    matched: usize,
}

/// Where each line begins.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl Lines<'_> {
    /// Of a text.
    pub(crate) fn of(text: &str) -> Lines<'_> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Lines { text, starts }
    }

    /// The byte at a line from one on and a column, in characters, from zero on.
    pub(crate) fn byte(&self, line: usize, column: usize) -> usize {
        let start = self.starts[line - 1];
        start + self.text[start..].chars().take(column).map(char::len_utf8).sum::<usize>()
    }

    fn range(&self, span: proc_macro2::Span) -> Range<usize> {
        let (a, b) = (span.start(), span.end());
        self.byte(a.line, a.column)..self.byte(b.line, b.column)
    }
}

fn has_let(e: &syn::Expr) -> bool {
    match e {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(b) => has_let(&b.left) || has_let(&b.right),
        _ => false,
    }
}

impl Finder<'_> {
    fn function(&mut self, sig: &syn::Signature, block: &syn::Block, walk: impl FnOnce(&mut Self)) {
        let constant = sig.constness.is_some();
        let output = &self.lines.text[self.lines.range(sig.output.span())];
        if let (Some(first), false) = (block.stmts.first(), constant) {
            let at = self.lines.range(first.span()).start;
            let braces = [block.brace_token.span.open(), block.brace_token.span.close()].map(|s| self.lines.range(s));
            let inside = braces[0].end..braces[1].start;
            // A value that is returned first would be the one type that `impl Trait` stands for; an iterator is cut short and
            // gets another behind it.
            let place = match output.trim_start_matches("->").trim_start().starts_with("impl Iterator<") {
                true => Some(Place::Iterator(inside)),
                false => (!output.contains("impl ")).then_some(Place::Top(inside.start)),
            };
            self.found.extend(place.map(|p| ((Genre::FnValue, at), p)));
        }
        self.within(constant, walk);
    }

    /// Walks what is evaluated when it is built, where nothing can be switched, or is not.
    fn within(&mut self, constant: bool, walk: impl FnOnce(&mut Self)) {
        let was = std::mem::replace(&mut self.constant, constant);
        walk(self);
        self.constant = was;
    }

    fn wrap(&mut self, genre: Genre, at: usize, whole: Range<usize>, chained: bool) {
        if self.constant {
            return;
        }
        if !chained {
            self.found.insert((genre, at), Place::Wrap(whole, ["(", ")"]));
        } else if let Some(chain) = self.chain.clone() {
            self.found.insert((genre, at), Place::Wrap(chain, ["{", "}"]));
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, i: &'ast syn::ItemFn) {
        self.function(&i.sig, &i.block, |f| visit::visit_item_fn(f, i));
    }

    fn visit_impl_item_fn(&mut self, i: &'ast syn::ImplItemFn) {
        self.function(&i.sig, &i.block, |f| visit::visit_impl_item_fn(f, i));
    }

    fn visit_trait_item_fn(&mut self, i: &'ast syn::TraitItemFn) {
        match &i.default {
            Some(block) => self.function(&i.sig, block, |f| visit::visit_trait_item_fn(f, i)),
            None => visit::visit_trait_item_fn(self, i),
        }
    }

    fn visit_item_const(&mut self, i: &'ast syn::ItemConst) {
        self.within(true, |f| visit::visit_item_const(f, i));
    }

    fn visit_item_static(&mut self, i: &'ast syn::ItemStatic) {
        self.within(true, |f| visit::visit_item_static(f, i));
    }

    /// What a constant holds may be a function all the same.
    fn visit_expr_closure(&mut self, i: &'ast syn::ExprClosure) {
        self.within(false, |f| visit::visit_expr_closure(f, i));
    }

    fn visit_expr_if(&mut self, i: &'ast syn::ExprIf) {
        let whole = self.lines.range(i.span());
        let was = self.chain.clone();
        if has_let(&i.cond) {
            self.chain = Some(whole);
        }
        visit::visit_expr(self, &i.cond);
        self.chain = was;
        visit::visit_block(self, &i.then_branch);
        if let Some((_, other)) = &i.else_branch {
            visit::visit_expr(self, other);
        }
    }

    fn visit_expr_binary(&mut self, i: &'ast syn::ExprBinary) {
        let chained = has_let(&i.left) || has_let(&i.right);
        self.wrap(Genre::BinaryOperator, self.lines.range(i.op.span()).start, self.lines.range(i.span()), chained);
        visit::visit_expr_binary(self, i);
    }

    fn visit_expr_unary(&mut self, i: &'ast syn::ExprUnary) {
        self.wrap(Genre::UnaryOperator, self.lines.range(i.op.span()).start, self.lines.range(i.span()), false);
        visit::visit_expr_unary(self, i);
    }

    fn visit_expr_struct(&mut self, i: &'ast syn::ExprStruct) {
        for f in &i.fields {
            self.wrap(Genre::StructField, self.lines.range(f.span()).start, self.lines.range(i.span()), false);
        }
        visit::visit_expr_struct(self, i);
    }

    fn visit_expr_match(&mut self, i: &'ast syn::ExprMatch) {
        visit::visit_expr(self, &i.expr);
        let was = self.matched;
        for arm in &i.arms {
            self.matched = self.lines.range(i.expr.span()).start;
            self.visit_arm(arm);
        }
        self.matched = was;
    }

    fn visit_arm(&mut self, a: &'ast syn::Arm) {
        let start = self.lines.range(a.span()).start;
        let guard = a.guard.as_ref().map(|(_, g)| self.lines.range(g.span()));
        let end = guard.as_ref().map_or_else(|| self.lines.range(a.pat.span()).end, |g| g.end);
        if !self.constant {
            self.found.insert((Genre::MatchArm, start), Place::Arm(self.matched, end, guard.clone()));
        }
        if let Some(g) = guard {
            self.wrap(Genre::MatchArmGuard, g.start, g, false);
        }
        visit::visit_arm(self, a);
    }
}

/// A source with the switches of these mutants, and those that no switch can be made for.
///
/// # Errors
/// The source cannot be parsed.
pub(crate) fn switch(source: &str, mutants: &[(usize, &Mutant)]) -> syn::Result<(Switched, Vec<usize>)> {
    let lines = Lines::of(source);
    let mut finder = Finder { lines: &lines, found: BTreeMap::new(), chain: None, constant: false, matched: 0 };
    finder.visit_file(&syn::parse_file(source)?);
    let (mut inserts, mut left) = (Vec::new(), Vec::new());
    for (id, m) in mutants {
        let span =
            lines.byte(m.span.start.line, m.span.start.column - 1)..lines.byte(m.span.end.line, m.span.end.column - 1);
        let on = format!("{ON}({id})");
        let mut put = |at, order, text, of| inserts.push(Insert { at, order, text, mutant: of });
        let id_isize = isize::try_from(*id).unwrap_or(isize::MAX);
        match finder.found.get(&(m.genre, span.start)) {
            None => left.push(*id),
            Some(Place::Top(at)) => {
                put(*at, (2, id_isize), format!(" if {on} {{ return {}; }} ", m.replacement), Some(*id));
            }
            Some(Place::Iterator(inside)) => {
                let only = m.replacement.strip_prefix("::std::iter::once(").and_then(|o| o.strip_suffix(')'));
                if only.is_none() && m.replacement != "::std::iter::empty()" {
                    left.push(*id);
                    continue;
                }
                let other =
                    only.map(|o| format!(".chain(if {on} {{ Some({o}) }} else {{ None }})")).unwrap_or_default();
                put(inside.start, (2, -id_isize), "({".into(), None);
                let text = format!("}}).take(if {on} {{ 0 }} else {{ usize::MAX }}){other}");
                put(inside.end, (1, id_isize), text, Some(*id));
            }
            Some(Place::Arm(matched, end, None)) => {
                // A match that is not complete without the arm is what the compiler points at.
                put(*matched, (1, isize::MAX), String::new(), Some(*id));
                put(*end, (0, 0), format!(" if !{on}"), Some(*id));
            }
            Some(Place::Arm(matched, end, Some(guard))) => {
                put(*matched, (1, isize::MAX), String::new(), Some(*id));
                let wide = isize::try_from(guard.len()).unwrap_or(isize::MAX);
                put(guard.start, (2, -wide - 1), format!("!{on} && ("), Some(*id));
                put(*end, (1, wide + 1), ")".into(), None);
            }
            Some(Place::Wrap(whole, [open, close])) => {
                let mut changed = source[whole.clone()].to_owned();
                let mut cut = span.start - whole.start..span.end - whole.start;
                if m.genre == Genre::StructField && changed[cut.end..].starts_with(',') {
                    cut.end += 1;
                }
                changed.replace_range(cut, &m.replacement);
                let wide = isize::try_from(whole.len()).unwrap_or(isize::MAX);
                put(whole.start, (2, -wide), format!("{open}if {on} {{ {changed} }} else {{ "), Some(*id));
                put(whole.end, (1, wide), format!(" }}{close}"), None);
            }
        }
    }
    inserts.sort_by_key(|i| (i.at, i.order.0, i.order.1));
    let (mut text, mut places, mut from) = (String::new(), Vec::new(), 0);
    for i in inserts {
        text += &source[from..i.at];
        from = i.at;
        let start = text.len();
        text += &i.text;
        places.extend(i.mutant.map(|m| (start..text.len().max(start + 1), m)));
    }
    text += &source[from..];
    Ok((Switched { text, places }, left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Place as At, Span};

    /// A mutant of the first line, at a text in it.
    fn mutant(source: &str, genre: Genre, old: &str, new: &str) -> Mutant {
        let at = source.find(old).expect("it is in there") + 1;
        let [start, end] = [at, at + old.len()].map(|column| At { line: 1, column });
        Mutant { name: String::new(), file: String::new(), span: Span { start, end }, replacement: new.into(), genre }
    }

    fn switched(source: &str, mutants: &[Mutant]) -> (String, Vec<usize>) {
        let numbered: Vec<_> = mutants.iter().enumerate().collect();
        let (s, left) = switch(source, &numbered).expect("it parses");
        syn::parse_file(&s.text).expect("what comes out parses as well");
        for (range, id) in s.places {
            let here = s.text.get(range).unwrap_or_default();
            assert!(here.contains(&format!("on({id})")) || !here.contains("on("), "{id} is not at {here}");
        }
        (s.text.replace(ON, "on"), left)
    }

    #[test]
    fn an_expression_is_changed_as_a_whole_and_switched_inside_once() {
        let source = "fn f() -> bool { a + 1 == b }";
        let m = [mutant(source, Genre::BinaryOperator, "==", "!="), mutant(source, Genre::BinaryOperator, "+", "-")];
        let text = "fn f() -> bool { (if on(0) { a + 1 != b } else { (if on(1) { a - 1 } else { a + 1 }) == b }) }";
        assert_eq!(switched(source, &m), (text.into(), vec![]));
    }

    #[test]
    fn two_mutants_of_one_operator_stand_in_each_other() {
        let source = "fn f() -> bool { e < b }";
        let m = [mutant(source, Genre::BinaryOperator, "<", ">"), mutant(source, Genre::BinaryOperator, "<", "<=")];
        let text = "fn f() -> bool { (if on(0) { e > b } else { (if on(1) { e <= b } else { e < b }) }) }";
        assert_eq!(switched(source, &m), (text.into(), vec![]));
    }

    #[test]
    fn a_chain_of_lets_is_switched_around_its_if() {
        let source = "fn f() { if let Some(x) = y && x { g() } }";
        let m = [mutant(source, Genre::BinaryOperator, "&&", "||")];
        let text = "fn f() { {if on(0) { if let Some(x) = y || x { g() } } else { if let Some(x) = y && x { g() } }} }";
        assert_eq!(switched(source, &m), (text.into(), vec![]));
    }

    #[test]
    fn values_arms_guards_and_fields() {
        let source = "fn f() -> u8 { match g() { 1 => 2, n if n > 3 => 4, _ => h(S { a: 1, ..s }) } }";
        let m = [
            mutant(source, Genre::FnValue, "match", "0"),
            mutant(source, Genre::MatchArm, "1 => 2", ""),
            mutant(source, Genre::MatchArm, "n if n > 3 => 4", ""),
            mutant(source, Genre::MatchArmGuard, "n > 3", "true"),
            mutant(source, Genre::StructField, "a: 1", ""),
        ];
        let text = "fn f() -> u8 { if on(0) { return 0; }  match g() { 1 if !on(1) => 2, \
                    n if !on(2) && ((if on(3) { true } else { n > 3 })) => 4, \
                    _ => h((if on(4) { S {  ..s } } else { S { a: 1, ..s } })) } }";
        assert_eq!(switched(source, &m), (text.into(), vec![]));
    }

    #[test]
    fn an_iterator_is_cut_short_and_gets_another_behind_it() {
        let source = "fn f(a: &[u8]) -> impl Iterator<Item = u8> + '_ { let b = a; b.iter().copied() }";
        let m = [
            mutant(source, Genre::FnValue, "let b = a; b.iter().copied()", "::std::iter::empty()"),
            mutant(source, Genre::FnValue, "let b = a; b.iter().copied()", "::std::iter::once(1)"),
        ];
        let text = "fn f(a: &[u8]) -> impl Iterator<Item = u8> + '_ {({({ let b = a; b.iter().copied() \
                    }).take(if on(0) { 0 } else { usize::MAX })\
                    }).take(if on(1) { 0 } else { usize::MAX }).chain(if on(1) { Some(1) } else { None })}";
        assert_eq!(switched(source, &m), (text.into(), vec![]));
    }

    #[test]
    fn a_function_in_a_constant_is_switched() {
        let source = "static A: fn(u8) -> bool = |a| a < 3;";
        let m = [mutant(source, Genre::BinaryOperator, "< 3", "> 3")];
        let text = "static A: fn(u8) -> bool = |a| (if on(0) { a > 3 } else { a < 3 });";
        assert_eq!(switched(source, &m), (text.into(), vec![]));
    }

    #[test]
    fn what_cannot_be_switched_is_left() {
        let source = "const fn f(a: u8) -> u8 { a + 1 } fn g() -> impl Fn() { h() } static A: u8 = 2 * 3;";
        let m = [
            mutant(source, Genre::BinaryOperator, "+", "-"),
            mutant(source, Genre::FnValue, "h()", "std::iter::empty()"),
            mutant(source, Genre::BinaryOperator, "*", "/"),
        ];
        assert_eq!(switched(source, &m), (source.into(), vec![0, 1, 2]));
    }
}
