//! Configs: their values from the text or from outside, held against their types, choices and ranges.

use crate::diagnostic::Diagnostic;
use crate::model::checker::{Checker, ConfigTypes};
use crate::model::declare::complaints::{self, Given};
use crate::model::evaluate::value::{BindingRole, Value};
use crate::model::names::inherit::{Flat, FlatModel};
use crate::model::names::visit::visit_all;
use crate::model::words::PLAIN;
use crate::model::{Number, Setting};
use crate::syntax::ast::{self, Expr, ExprKind, MemberKind};
use std::collections::HashSet;

fn is_plain(ty: &str) -> bool {
    PLAIN.contains(&ty)
}

impl Checker<'_> {
    pub(in crate::model) fn configs(&mut self, members: &[Flat], model: &ast::Ident) {
        let mut known = Vec::new();
        for flat in members {
            let MemberKind::Config { name, ty, value, range } = &flat.member.kind else { continue };
            self.scope.module = flat.module.clone();
            known.push(name.name.clone());
            let types: Vec<String> = ty.iter().map(|ty| ty.name.clone()).collect();
            self.reads();
            let (value, given) = match self.bindings.sets.get(&name.name).cloned() {
                Some(setting) => (self.value_of_setting(name, &setting, ty), Given::FromOutside),
                None => (self.config_value(value, &types), Given::Here(value.span)),
            };
            let value = self.of_config_type(name, value, given, ty, range.as_ref());
            self.configs.push((name.name.clone(), value.shown()));
            let reads = self.reads();
            let types = ConfigTypes { now: types, all: flat.choices.clone(), reads };
            self.config_types.insert(name.name.clone(), types);
            self.scope.bind_global(&name.name, value, BindingRole::Constant, name.span);
        }
        for (set, value) in &self.bindings.sets {
            if known.contains(set) {
                continue;
            }
            let told = complaints::no_config(model, set, value, &known);
            self.told.borrow_mut().sink.push(told);
        }
    }

    /// Configs that have been read since this was last asked.
    fn reads(&mut self) -> Vec<String> {
        std::mem::take(&mut self.configs_read).into_iter().collect()
    }

    /// Configs that were set from outside and that decide nothing here: read neither by the model nor by a config that
    /// the model reads.
    pub(in crate::model) fn unread_settings(&self, flat: &FlatModel) -> Vec<(String, Diagnostic)> {
        let mut waiting: Vec<&String> = self.configs_read.iter().collect();
        let mut live: HashSet<&str> = HashSet::new();
        while let Some(name) = waiting.pop() {
            if live.insert(name) {
                waiting.extend(self.config_types.get(name).into_iter().flat_map(|types| &types.reads));
            }
        }
        let unread = self.bindings.sets.iter().filter(|(name, _)| !live.contains(name.as_str()));
        unread
            .filter_map(|(name, value)| Some((name.clone(), self.unread_setting(flat, name, value)?)))
            .collect()
    }

    fn unread_setting(&self, flat: &FlatModel, name: &str, value: &Setting) -> Option<Diagnostic> {
        let declared = self.declared.get(name).filter(|declared| declared.kind == "config")?;
        let mut place = None;
        for own in &flat.members {
            visit_all(&own.member, &mut |expr| {
                if matches!(&expr.kind, ExprKind::Name(read) if read == name) {
                    place = place.or(Some(expr.span));
                }
            });
        }
        Some(complaints::set_in_vain(&flat.name, (name, declared.span), value, place))
    }

    fn value_of_setting(&mut self, name: &ast::Ident, setting: &Setting, ty: &[ast::Ident]) -> Value {
        let value = match setting {
            Setting::Bool(value) => return Value::Bool(*value),
            Setting::Number(text) => number_of_setting(text).map(Value::Number),
            Setting::Numbers(texts) => {
                texts.iter().map(|text| number_of_setting(text)).collect::<Option<_>>().map(Value::Numbers)
            }
            Setting::Word(word) if ty.first().is_some_and(|ty| is_plain(&ty.name)) => {
                self.config_misfit(name, &format!("`{word}`"), Given::FromOutside, ty);
                return Value::Broken;
            }
            Setting::Word(word) => Some(Value::Choice(word.clone())),
        };
        if value.is_none() {
            self.config_misfit(name, &setting.to_string(), Given::FromOutside, ty);
        }
        value.unwrap_or(Value::Broken)
    }

    fn config_value(&mut self, value: &Expr, types: &[String]) -> Value {
        let plain = types.first().is_none_or(|first| is_plain(first));
        match &value.kind {
            ExprKind::Name(word) if !plain && self.scope.get(word).is_none() => Value::Choice(word.clone()),
            // No plain config has a word as its value; that it means nothing is not the point.
            ExprKind::Name(word)
                if types.contains(word)
                    || (!types.is_empty()
                        && self.scope.get(word).is_none()
                        && !self.declared.contains_key(word)
                        && !crate::model::evaluate::call::is_built_in(word)) =>
            {
                Value::Choice(word.clone())
            }
            _ => self.constant(value),
        }
    }

    /// The value if it fits the declared type and range; reported and broken otherwise.
    fn of_config_type(
        &mut self,
        name: &ast::Ident,
        value: Value,
        given: Given,
        ty: &[ast::Ident],
        range: Option<&(Expr, Option<Expr>)>,
    ) -> Value {
        let types: Vec<String> = ty.iter().map(|ty| ty.name.clone()).collect();
        let fits = match (&value, types.first().map(String::as_str)) {
            (Value::Broken, _) => return Value::Broken,
            (Value::Choice(word), _) => types.contains(word),
            (Value::Number(_) | Value::Numbers(_) | Value::Bool(_), None) => true,
            (Value::Numbers(numbers), Some("ints")) => {
                numbers.iter().all(|number| number.to_whole().is_some())
            }
            (Value::Numbers(_), Some("floats")) => true,
            (Value::Number(number), Some("int")) => number.to_whole().is_some(),
            (Value::Number(_), Some("float")) => true,
            (Value::Bool(_), Some("bool")) => true,
            _ => false,
        };
        if !fits {
            let shown = match &value {
                Value::Choice(word) => format!("`{word}`"),
                other => other.shown(),
            };
            self.config_misfit(name, &shown, given, ty);
            return Value::Broken;
        }
        let numbers = match &value {
            Value::Number(number) => vec![*number],
            Value::Numbers(numbers) => numbers.clone(),
            _ => return value,
        };
        let Some((low, high)) = range else { return value };
        let low = self.number(low);
        let high = high.as_ref().map(|high| self.number(high));
        let above = |number: Number| low.is_none_or(|low| number.compare(low).is_ge());
        let below = |number: Number| high.flatten().is_none_or(|high| number.compare(high).is_le());
        let Some(number) = numbers.into_iter().find(|number| !above(*number) || !below(*number)) else {
            return value;
        };
        let shown = match &value {
            Value::Numbers(_) => format!("{}, which has the entry {number}", value.shown()),
            _ => number.to_string(),
        };
        let bounds = match (low, high.flatten()) {
            (Some(low), Some(high)) => format!("between {low} and {high}"),
            (Some(low), None) => format!("at least {low}"),
            _ => "in its range".to_owned(),
        };
        self.error(given.out_of_range(name, &shown, &bounds));
        Value::Broken
    }

    fn config_misfit(&mut self, name: &ast::Ident, shown: &str, given: Given, ty: &[ast::Ident]) {
        if let [one] = ty
            && !is_plain(&one.name)
            && !shown.starts_with('`')
        {
            self.error(complaints::not_a_config_type(one));
            return;
        }
        self.error(given.does_not_fit(name, shown, ty));
    }
}

fn number_of_setting(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let number = if digits == "inf" { Some(Number::INFINITY) } else { Number::parse(digits) };
    number.map(|number| if digits == text { number } else { -number })
}
