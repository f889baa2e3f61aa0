//! Patterns of a name map: names with numbers left open (`layers.{i}.mlp`) and axes that a published shape puts together
//! (`(part head feature) dim`).

/// A name with `{…}` in place of whole numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Fixed texts around the numbers: one more than there are numbers.
    texts: Vec<String>,
    /// What the numbers are called, in order.
    pub numbers: Vec<String>,
}

impl Template {
    /// Reads a pattern such as `layers.{i}.*`.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut template = Template { texts: vec![String::new()], numbers: Vec::new() };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` has a bracket that is never closed"))?;
            if let Some(last) = template.texts.last_mut() {
                last.push_str(before);
            }
            template.texts.push(String::new());
            template.numbers.push(name.to_owned());
            rest = after;
        }
        if let Some(last) = template.texts.last_mut() {
            last.push_str(rest);
        }
        Ok(template)
    }

    /// The numbers by name, if `name` is of this pattern.
    pub fn read(&self, name: &str) -> Option<Vec<(String, String)>> {
        let (first, others) = self.texts.split_first()?;
        let mut rest = name.strip_prefix(first.as_str())?;
        let mut read: Vec<(String, String)> = Vec::new();
        for (number, text) in self.numbers.iter().zip(others) {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (value, after) = rest.split_at(digits);
            if value.is_empty() || read.iter().any(|(name, before)| name == number && before != value) {
                return None;
            }
            read.push((number.clone(), value.to_owned()));
            rest = after.strip_prefix(text.as_str())?;
        }
        rest.is_empty().then_some(read)
    }

    /// The name with these numbers; None if one is missing.
    pub fn write(&self, numbers: &[(String, String)]) -> Option<String> {
        let (first, others) = self.texts.split_first()?;
        let mut name = first.clone();
        for (number, text) in self.numbers.iter().zip(others) {
            name.push_str(&numbers.iter().find(|(known, _)| known == number)?.1);
            name.push_str(text);
        }
        Some(name)
    }
}

/// The axes of a published shape: each is made of axes of totc's weight, in order; `1` is made of none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxesPattern(pub Vec<Vec<String>>);

impl AxesPattern {
    /// Reads `(part head feature) dim` or `1 1 dim`.
    pub fn parse(text: &str) -> Result<AxesPattern, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let (mut groups, mut open) = (Vec::new(), None::<Vec<String>>);
        for word in spaced.split_whitespace() {
            match (word, &mut open) {
                ("(", None) => open = Some(Vec::new()),
                (")", Some(_)) => groups.extend(open.take()),
                ("(" | ")", _) => return Err(format!("the brackets of `{text}` do not match")),
                ("1", None) => groups.push(Vec::new()),
                (axis, Some(group)) => group.push(axis.to_owned()),
                (axis, None) => groups.push(vec![axis.to_owned()]),
            }
        }
        if open.is_some() {
            return Err(format!("the brackets of `{text}` do not match"));
        }
        Ok(AxesPattern(groups))
    }

    /// The published shape of a weight with these axes.
    pub fn shape(&self, axes: &[String], sizes: &[usize]) -> Result<Vec<usize>, String> {
        let named: Vec<&String> = self.0.iter().flatten().collect();
        if !named.iter().copied().eq(axes.iter()) {
            return Err(format!(
                "the map gives its axes as ({}), the model as ({})",
                named.iter().map(|axis| axis.as_str()).collect::<Vec<_>>().join(" "),
                axes.join(" ")
            ));
        }
        let mut rest = sizes.iter();
        Ok(self.0.iter().map(|group| rest.by_ref().take(group.len()).product()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        let theirs = Template::parse("L_level.layers.{i}.mlp.down_proj.weight").unwrap();
        let numbers = theirs.read("L_level.layers.12.mlp.down_proj.weight").unwrap();
        let ours = Template::parse("f.layers.{i}.mlp.down.weight").unwrap();
        assert_eq!(ours.write(&numbers).as_deref(), Some("f.layers.12.mlp.down.weight"));
        for wrong in ["L_level.layers.x.mlp.down_proj.weight", "L_level.layers.1.mlp.down_proj.weight2", ""] {
            assert_eq!(theirs.read(wrong), None);
        }
        assert!(Template::parse("a.{i").is_err());
    }

    #[test]
    fn axes_are_put_together() {
        let axes = ["part", "head", "feature", "dim"].map(str::to_owned);
        let joined = AxesPattern::parse("(part head feature) dim").unwrap();
        assert_eq!(joined.shape(&axes, &[3, 8, 64, 512]), Ok(vec![1536, 512]));
        assert_eq!(AxesPattern::parse("1 1 dim").unwrap().shape(&axes[3..], &[7]), Ok(vec![1, 1, 7]));
        assert!(joined.shape(&axes[1..], &[1, 2, 3]).is_err());
        assert!(AxesPattern::parse("(a b").is_err());
    }
}
