//! Names: what a scope, a module or the language itself calls so, and what was probably meant.

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::ir::Mode;
use crate::model::Number;
use crate::model::checker::Checker;
use crate::model::evaluate::habits::mend;
use crate::model::evaluate::value::{BindingRole, Function, NetDefinition, Scope, Value};
use crate::model::names::complaints::{self, Lasting, OutOfReach};
use crate::source::Span;
use crate::syntax::ast::{self, Ident};
use crate::types::AxisId;
use std::rc::Rc;

impl Checker<'_> {
    pub(in crate::model) fn name(&mut self, name: &str, span: Span) -> Value {
        match self.known_name(name, span) {
            Some(value) => value,
            None => {
                self.unknown(name, span);
                Value::Broken
            }
        }
    }

    /// What a name means here; None, and nothing said, if it means nothing.
    pub(in crate::model) fn known_name(&mut self, name: &str, span: Span) -> Option<Value> {
        let value = self.meaning(name, span)?;
        self.note(name, span, &value);
        Some(value)
    }

    fn meaning(&mut self, name: &str, span: Span) -> Option<Value> {
        if let Some(value) = self.scope.get(name).map(|binding| binding.value.clone()) {
            if self.scope.of_model
                && self.config_types.contains_key(name)
                && !self.configs_read.contains(name)
            {
                self.configs_read.insert(name.to_owned());
            }
            return Some(value);
        }
        if self.scope.of_model
            && let Some(target) = self.targets.get(name).copied()
        {
            if self.targets_readable {
                return Some(Value::Tensor(target));
            }
            self.error(complaints::target_out_of_reach(name, span));
            return Some(Value::Broken);
        }
        if let Some(value) = self.item(&self.scope.module.clone(), name) {
            return Some(value);
        }
        match name {
            "training" => Some(Value::Bool(self.bindings.mode == Mode::Training)),
            "batch" => self.batch.map(Value::Axis),
            "inf" => Some(Value::Number(Number::INFINITY)),
            _ => None,
        }
    }

    /// An item of a module: its own, or one it imports.
    pub(in crate::model) fn item(&mut self, module: &str, name: &str) -> Option<Value> {
        if let Some(value) = self.own_item(module, name) {
            return Some(value);
        }
        let path = self.imported_from(module, name)?;
        self.own_item(&path, name)
    }

    /// The module that a `use` takes a name from.
    pub(in crate::model) fn imported_from(&self, module: &str, name: &str) -> Option<String> {
        self.modules.by_path.get(module)?.tree.items.iter().find_map(|item| match &item.kind {
            ast::ItemKind::Use(used) if used.names.iter().any(|known| known.name == name) => {
                Some(used.module.join("::"))
            }
            _ => None,
        })
    }

    pub(in crate::model) fn own_item(&mut self, module: &str, name: &str) -> Option<Value> {
        let modules = self.modules;
        for item in &modules.by_path.get(module)?.tree.items {
            match &item.kind {
                ast::ItemKind::Net(net) if net.name.name == name => {
                    return Some(Value::NetDef(Rc::new(NetDefinition {
                        def: net.clone(),
                        module: module.to_owned(),
                    })));
                }
                ast::ItemKind::Fn(function) if function.name.as_ref().is_some_and(|own| own.name == name) => {
                    return Some(Value::Function(Rc::new(Function {
                        def: function.clone(),
                        module: module.to_owned(),
                    })));
                }
                ast::ItemKind::Axis { name: axis, size } if axis.name == name => {
                    return Some(Value::Axis(self.module_axis(module, axis, size.as_ref())));
                }
                _ => {}
            }
        }
        None
    }

    /// The axis that a file declares: one and the same for all that read it. Its size reads numbers and other axes
    /// of files.
    fn module_axis(&mut self, module: &str, name: &Ident, size: Option<&ast::Expr>) -> AxisId {
        let key = (module.to_owned(), name.name.clone());
        if let Some(axis) = self.module_axes.get(&key) {
            return *axis;
        }
        if !self.deeper(name.span) {
            return self.axes.add(self.axis_of_each_value(name));
        }
        let reader = std::mem::replace(&mut self.scope, Scope::of_file(module));
        let axis = self.local_axis(name, size);
        self.scope = reader;
        self.depth -= 1;
        self.module_axes.insert(key, axis);
        axis
    }

    pub(in crate::model) fn unknown(&mut self, name: &str, span: Span) {
        if let Some(now) = crate::model::evaluate::reshape::renamed(name) {
            let (_, example) = crate::model::evaluate::reshape::reshaping(now);
            self.error(complaints::renamed(name, now, example, span));
            return;
        }
        if let Some(path) = self.imported_from(&self.scope.module, name) {
            // An import that leads nowhere is reported where it stands.
            let Some(item) = self.item_named(&path, name) else { return };
            self.error(complaints::a_model(name, span, (item, "imported from")));
            return;
        }
        if let Some(item) = self.item_named(&self.scope.module, name) {
            self.error(complaints::a_model(name, span, (item, "declared")));
            return;
        }
        let told = self.out_of_reach(name, span).or_else(|| self.no_longer_kept(name, span));
        if let Some(told) = told.or_else(|| self.bound_elsewhere(name, span)) {
            self.error(told);
            return;
        }
        if crate::model::evaluate::call::is_built_in(name) {
            self.error(complaints::not_called(name, span));
            return;
        }
        let library = crate::syntax::library_modules()
            .into_iter()
            .find(|path| crate::syntax::library_names(path).iter().any(|item| item == name));
        let known = self.names_here();
        self.error(complaints::unknown(name, span, library.as_deref(), mend(name), &known));
    }

    pub(in crate::model) fn item_named(&self, module: &str, name: &str) -> Option<Span> {
        let items = &self.modules.by_path.get(module)?.tree.items;
        items.iter().find(|item| item.name() == Some(name)).map(|item| match &item.kind {
            ast::ItemKind::Model(model) => model.name.span,
            _ => item.span,
        })
    }

    /// The complaint about a name of the model that cannot be read here.
    pub(in crate::model) fn out_of_reach(&self, name: &str, span: Span) -> Option<Diagnostic> {
        if let Some(dropped) = self.dropped.iter().find(|dropped| dropped.name == name) {
            return Some(complaints::read_though_dropped(dropped, span));
        }
        let declared = self.declared.get(name)?;
        let told = OutOfReach { kind: declared.kind, name, place: span, declared: declared.span };
        Some(match &self.scope {
            scope if scope.of_model => told.too_early(),
            scope if scope.of_file => told.in_a_file(),
            _ => told.in_a_function(),
        })
    }

    /// Names that could stand here, for suggestions.
    pub(in crate::model) fn names_here(&self) -> Vec<String> {
        let mut known: Vec<String> = self.scope.names().iter().map(|name| (*name).to_owned()).collect();
        if self.scope.of_model {
            known.extend(self.targets.keys().cloned());
            known.extend(["steps", "last_step"].map(str::to_owned));
        }
        known.extend(["training", "Linear"].map(str::to_owned));
        known.extend(crate::model::evaluate::call::INTRINSICS.iter().map(|name| (*name).to_owned()));
        known.extend(crate::primitive::all().map(|primitive| primitive.name.to_owned()));
        if let Some(module) = self.modules.by_path.get(&self.scope.module) {
            known.extend(module.tree.items.iter().filter_map(ast::Item::name).map(str::to_owned));
            for item in &module.tree.items {
                if let ast::ItemKind::Use(used) = &item.kind {
                    known.extend(used.names.iter().map(|name| name.name.clone()));
                }
            }
        }
        known.retain(|name| !name.contains('@'));
        known
    }

    pub(in crate::model) fn axis_named(&mut self, name: &Ident) -> Option<AxisId> {
        match self.axes_named(name)?[..] {
            [axis] => Some(axis),
            _ => {
                self.error(complaints::not_one_axis(name));
                None
            }
        }
    }

    /// The axes a name stands for: one, or those of a pack.
    pub(in crate::model) fn axes_named(&mut self, name: &Ident) -> Option<Vec<AxisId>> {
        let Some(value) = self.known_name(&name.name, name.span) else {
            self.unknown_axis(name);
            return None;
        };
        match value {
            Value::Axis(axis) => Some(vec![axis]),
            Value::Axes(axes) => Some(axes),
            Value::Broken => None,
            other => {
                self.error(complaints::not_an_axis(name, other.what()));
                None
            }
        }
    }

    /// The axes of a list, each once.
    pub(in crate::model) fn different_axes(&mut self, names: &[Ident]) -> Option<Vec<AxisId>> {
        let mut axes = Vec::new();
        for name in names {
            for axis in self.axes_named(name)? {
                if axes.contains(&axis) {
                    self.error(complaints::axis_named_twice(self.axes.name(axis), name.span));
                    return None;
                }
                axes.push(axis);
            }
        }
        Some(axes)
    }

    pub(in crate::model) fn unknown_axis(&mut self, name: &Ident) {
        let axes: Vec<String> = self
            .names_here()
            .into_iter()
            .filter(|known| {
                matches!(
                    self.scope.get(known).map(|bound| &bound.value),
                    Some(Value::Axis(_) | Value::Axes(_))
                )
            })
            .collect();
        let kinds = ["float", "bool", "int", "float32", "float64"];
        let near = did_you_mean(&name.name, axes.iter().map(String::as_str).chain(kinds));
        let declared =
            self.declared.contains_key(&name.name) || crate::model::evaluate::call::is_built_in(&name.name);
        match near {
            Some(near) if !declared => self.error(complaints::unknown_but_near(name, near)),
            _ if !declared && self.imported_from(&self.scope.module, &name.name).is_none() => {
                self.error(complaints::unknown_axis(name, &axes));
            }
            _ => self.unknown(&name.name, name.span),
        }
    }

    /// Whether a name is bound so that `<-` may change it.
    pub(in crate::model) fn updatable(&mut self, name: &Ident) -> bool {
        let Some(binding) = self.scope.get(&name.name) else {
            if self.known_name(&name.name, name.span).is_none() {
                self.unknown(&name.name, name.span);
            } else if !self.targets.contains_key(&name.name) {
                self.error(complaints::not_updatable(name, &Lasting::Item, None));
            }
            return false;
        };
        if matches!(binding.role, BindingRole::Var | BindingRole::State) {
            self.note(&name.name, name.span, &binding.value);
            return true;
        }
        let place = binding.span;
        let what = match (&binding.value, binding.role) {
            (_, BindingRole::Counter) => Lasting::Counter,
            (Value::Net(_) | Value::Family(_) | Value::Recipe(_), _) => Lasting::Net,
            (Value::Tensor(_) | Value::Broken, _) if !self.declared.contains_key(&name.name) => {
                Lasting::Value
            }
            _ => Lasting::Other,
        };
        self.error(complaints::not_updatable(name, &what, Some(place)));
        false
    }
}
