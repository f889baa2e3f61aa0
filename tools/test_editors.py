"""The keywords that editors know are those of grammar/tot.pest, no more and no fewer. Needs nothing but the files;
`./x editors` tries the rest."""

import json
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
EDITORS = ROOT / "editors"
# A regular expression's own letters: escapes, classes, and what is only looked at.
NO_WORDS = re.compile(r"\\[a-z]|\[[^\]]*\]")
LOOKS = re.compile(r"\(\?<?[=!](?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")


def spelt(text):
    """Words of a pattern; `steps?` is two."""
    found = set()
    for word, optional in re.findall(r"([a-z_]{2,})(\??)", text):
        found |= {word, word[:-1]} if optional else {word}
    return found


def of_the_language():
    text = re.sub(r"//.*", "", (ROOT / "grammar/tot.pest").read_text().replace('"//"', ""))
    found = {word + end for word, end in re.findall(r'(?<!\^)"([a-z]{2,})"(?: ~ "([a-z])"\?)?', text)}
    return found | set(re.findall(r'"([a-z]{2,})" ~ "[a-z]"\?', text))


def of_the_extension():
    rules = json.loads((EDITORS / "vscode/syntaxes/tot.tmLanguage.json").read_text())["repository"]["words"]["patterns"]
    patterns = [rule[key] for rule in rules for key in ("match", "begin", "end") if key in rule]
    return set().union(*(spelt(NO_WORDS.sub(" ", LOOKS.sub(" ", pattern))) for pattern in patterns))


def of_vim():
    text = (EDITORS / "vim/syntax/tot.vim").read_text()
    text = text.split('" --- keywords ---')[1].split('" --- end of the keywords ---')[0]
    lines = re.findall(r"^(?:execute ')?syntax (match|keyword) \w+ (.*)$", text, re.MULTILINE)
    found = set()
    for kind, rest in lines:
        words = rest.split() if kind == "keyword" else "|".join(re.findall(r"<%?\(?([a-z|]+)\)?>", rest)).split("|")
        found |= set(words)
    return found


def of_tree_sitter():
    """Of what is generated from grammar.js; `./x editors` asks whether it still is."""
    text = (EDITORS / "tree-sitter-tot/src/grammar.json").read_text()
    return set(re.findall(r'"type": "STRING",\s*"value": "([a-z]{2,})"', text))


def of_the_highlights():
    text = re.sub(r";.*", "", (EDITORS / "tree-sitter-tot/queries/highlights.scm").read_text())
    text = re.sub(r"\(#[^)]*\)", "", text)
    assert "(boolean)" in text
    return set(re.findall(r'"([a-z]{2,})"', text)) | {"true", "false"}


class Keywords(unittest.TestCase):
    def test_of_the_language_are_found(self):
        # Some of each kind; what is not found here would be asked of nobody.
        language = of_the_language()
        self.assertLessEqual({"if", "use", "mixin", "input", "steps", "step", "all", "over", "lookahead"}, language)
        self.assertFalse({"e", "s"} & language)

    def test_of_editors_are_those_of_the_language(self):
        language = of_the_language()
        for what in [of_the_extension, of_vim, of_tree_sitter, of_the_highlights]:
            with self.subTest(what.__name__):
                self.assertEqual(what(), language)


if __name__ == "__main__":
    unittest.main()
