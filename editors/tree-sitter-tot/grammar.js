/**
 * The tree-sitter grammar of `.tot`, for editors. `grammar/tot.pest` is the language; this one follows it rule by rule and
 * takes every text that it takes (a few more, too: editors want a tree of what is half typed).
 */
/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

/** Loosest first, as in `src/syntax/grammar.rs`. */
const TIGHT = { or: 1, and: 2, not: 3, compare: 4, add: 5, multiply: 6, negate: 7, power: 8, postfix: 9 };

/** Keywords that are names everywhere else, and may begin a statement, a value or an argument as such: `branch <- f(branch)`. */
const WORDS_AND_NAMES = [
  'let', 'var', 'record', 'collect', 'emit', 'repeat', 'branch', 'merge', 'prune', 'do', 'inherited', 'axis', // statements
  'over', 'between', 'along', 'into', // clauses
];

const list = (rule) => seq(rule, repeat(seq(',', rule)));
const list_that_may_end_in_a_comma = (rule) => seq(list(rule), optional(','));

module.exports = grammar({
  name: 'tot',

  word: ($) => $.identifier,

  extras: ($) => [/[ \t\r\n]/, $.comment, $.doc_comment],

  // What no name may be.
  reserved: {
    global: () => ['if', 'else', 'match', 'lookahead', 'true', 'false', 'not', 'and', 'or', 'return'],
  },

  // `repeat (n) { … }` is a loop where a body follows, else a value; so is what follows `repeat -` or `over (`.
  conflicts: ($) => [[$.repeat, $._name]],

  supertypes: ($) => [$.expression],

  rules: {
    file: ($) => repeat(choice($.use, $.model, $.mixin, $.net_definition, $.function_definition, $.axis)),

    comment: () => token(seq('//', /[^\n]*/)),
    doc_comment: () => token(prec(1, seq(choice('///', '//!'), /[^\n]*/))),
    identifier: () => /[A-Za-z_][A-Za-z0-9_]*/,
    number: () => /[0-9][0-9_]*(\.[0-9]+)?([eE][+-]?[0-9]+)?/,
    boolean: () => choice('true', 'false'),

    // --- items ---------------------------------------------------------------
    use: ($) => seq('use', $.identifier, repeat(seq('::', $.identifier)), optional(seq('::', $.names))),
    names: ($) => seq('{', list_that_may_end_in_a_comma($.identifier), '}'),

    model: ($) =>
      seq(
        'model', field('name', $.identifier),
        optional(seq('extends', field('parent', $.identifier), optional($.mixins))), $.members,
      ),
    mixin: ($) => seq('mixin', field('name', $.identifier), $.members),
    mixins: ($) => seq('with', list($.identifier)),
    members: ($) => seq('{', repeat($._member), '}'),

    net_definition: ($) => seq('net', field('name', $.identifier), $.parameters, alias($.net_members, $.members)),
    net_members: ($) => seq('{', repeat(choice($._member, $.net_function)), '}'),
    net_function: ($) => seq('fn', $.parameters, optional($.result), $.block),
    function_definition: ($) => seq('fn', field('name', $.identifier), $.parameters, optional($.result), $.block),

    parameters: ($) => seq('(', optional(list_that_may_end_in_a_comma($.parameter)), ')'),
    parameter: ($) =>
      seq(optional($.clause_word), field('name', $._name), optional(seq(':', $.type)), optional(seq('=', $.expression))),
    result: ($) => seq('->', choice($.type, seq('(', list($.type), ')'))),

    type: ($) => seq(field('kind', $.identifier), optional('?'), optional($.axes)),
    axes: ($) => seq('[', optional(list_that_may_end_in_a_comma(choice($.pack, $.identifier))), ']'),
    pack: ($) => seq(optional($.identifier), '..'),

    // --- members -------------------------------------------------------------
    _member: ($) =>
      choice(
        $.config, $.axis, $.data, $.weight, $.net, $.state, $.section, $.block_definition, $.predict, $.metric, $.loss, $.halt,
        $.carry_grad, $.drop,
      ),
    config: ($) =>
      seq(
        'config', field('name', $.identifier), optional(seq(':', $.choices)), '=', $.expression,
        optional(choice(seq('in', $.expression, '..', $.expression), seq('at', 'least', $.expression))),
      ),
    choices: ($) => seq($.identifier, repeat(seq('|', $.identifier))),
    axis: ($) => seq('axis', choice(list(field('name', $.identifier)), seq(field('name', $.identifier), '=', $.expression))),
    data: ($) => seq(choice('input', 'target'), field('name', $.identifier), ':', $.type),
    weight: ($) => seq(choice('param', 'buffer', 'table'), field('name', $.identifier), ':', $.type, '=', $.expression),
    net: ($) => seq('net', field('name', $.identifier), repeat(seq('.', field('name', $.identifier))), '=', $.expression),
    state: ($) => seq('state', field('name', $.identifier), ':', $.type, '=', $.expression),
    section: ($) => seq(choice('encode', 'think', 'decode'), $.block),
    block_definition: ($) =>
      seq('block', field('name', $.identifier), optional(seq('(', optional(list($.identifier)), ')')), $.block),
    predict: ($) => seq('predict', list($.prediction)),
    prediction: ($) => seq(optional(seq(field('name', $._name), '=')), $.expression),
    metric: ($) => seq('metric', field('name', $.identifier), '=', $.expression),
    loss: ($) => seq('loss', field('name', $.identifier), '=', $.expression),
    halt: ($) =>
      seq(
        'halt', choice('never', seq('when', $.expression)),
        optional(seq(',', 'at', 'most', $.expression, choice('step', 'steps'))), optional(seq(',', 'explore', $.expression)),
      ),
    carry_grad: ($) => seq('carry', 'grad', $.expression),
    drop: ($) => seq('drop', list($.dropped)),
    dropped: ($) => seq(field('kind', $.identifier), field('name', $.identifier)),

    // --- statements ----------------------------------------------------------
    block: ($) => seq('{', repeat($._statement), optional(field('value', $.expression)), '}'),
    _statement: ($) =>
      choice(
        $.let, $.axis_statement, $.var, $.record, $.collect, $.emit, $.repeat, $.branch, $.merge, $.prune, $.do, $.inherited,
        $.return, $.update, $.if_statement,
      ),
    let: ($) => seq('let', list(field('name', $.identifier)), '=', $.expression),
    var: ($) => seq('var', field('name', $.identifier), '=', $.expression),
    record: ($) => seq('record', field('name', $.identifier), '=', $.expression),
    collect: ($) => seq('collect', field('name', $.identifier), '=', $.expression, 'over', field('axis', $.identifier)),
    emit: ($) => seq('emit', field('name', $.identifier), '=', $.expression),
    update: ($) => seq(field('name', $._name), '<-', $.expression),
    // `repeat (n) { … }` is a loop, not a call.
    repeat: ($) =>
      prec.dynamic(
        1,
        seq(
          'repeat', choice(seq(field('name', $._name), 'in', $.expression, '..', $.expression), $.expression),
          optional(seq(',', 'grad', 'last', $.expression)), optional(seq('while', $.expression)), $.block,
        ),
      ),
    branch: ($) =>
      seq('branch', field('name', $.identifier), optional($.along), choice(seq('with', $.expression), seq('into', $.expression))),
    along: ($) => seq('along', field('axis', $.identifier)),
    merge: ($) =>
      seq(
        'merge', field('name', $.identifier), optional($.along), optional(seq('in', 'groups', 'of', $.expression)), 'with',
        $.expression, optional(seq('giving', field('name', $.identifier))),
      ),
    prune: ($) => seq('prune', list(field('name', $.identifier)), optional($.along), 'to', $.expression, 'by', $.expression),
    do: ($) => prec.right(seq('do', field('name', $.identifier), optional(seq('(', optional(list($.expression)), ')')))),
    inherited: () => prec(1, 'inherited'),
    axis_statement: ($) => seq('axis', field('name', $.identifier), optional(seq('=', $.expression))),
    return: ($) => seq('return', $.expression),
    // An `if` that begins a statement is one; the value of a block begins otherwise.
    if_statement: ($) => prec(1, seq($._if, $.block, optional(seq('else', choice($.if_statement, $.block))))),
    _if: ($) => seq('if', $.expression),

    // --- expressions ---------------------------------------------------------
    expression: ($) =>
      choice(
        $.number, $.boolean, $.if_expression, $.match, $.lookahead, $.block, $.tuple, $.list, $._name, $.binary, $.unary, $.call,
        $.index, $.member, $.ago,
      ),
    _name: ($) => choice($.identifier, ...WORDS_AND_NAMES.map((word) => alias(word, $.identifier))),
    binary: ($) =>
      choice(
        ...[
          [TIGHT.or, 'or'], [TIGHT.and, 'and'], [TIGHT.compare, choice('<=', '>=', '==', '!=', '<', '>')],
          [TIGHT.add, choice('+', '-')], [TIGHT.multiply, choice('*', '/')],
        ].map(([tight, sign]) => prec.left(tight, seq($.expression, field('operator', sign), $.expression))),
        prec.right(TIGHT.power, seq($.expression, field('operator', '^'), $.expression)),
      ),
    unary: ($) => choice(prec(TIGHT.negate, seq('-', $.expression)), prec(TIGHT.not, seq('not', $.expression))),
    call: ($) => prec(TIGHT.postfix, seq(field('function', $.expression), $.arguments)),
    index: ($) =>
      prec(TIGHT.postfix, seq($.expression, '[', list_that_may_end_in_a_comma(choice($.index_equal, $.index_in, $.expression)), ']')),
    index_equal: ($) => seq(field('axis', $._name), '=', $.expression),
    index_in: ($) => seq(field('axis', $._name), 'in', $.expression, '..', $.expression),
    member: ($) => prec(TIGHT.postfix, seq($.expression, '.', field('name', $.identifier))),
    ago: ($) => prec(TIGHT.postfix, seq($.expression, '@', $.number)),

    tuple: ($) => seq('(', list_that_may_end_in_a_comma($.expression), ')'),
    list: ($) => seq('[', optional(list_that_may_end_in_a_comma($.expression)), ']'),
    if_expression: ($) => seq($._if, $.block, 'else', choice($.if_expression, $.block)),
    match: ($) => seq('match', $.expression, '{', list_that_may_end_in_a_comma($.arm), '}'),
    arm: ($) => seq(field('pattern', choice($.identifier, $.negative, $.number)), '=>', $.expression),
    negative: ($) => seq('-', $.number),
    lookahead: ($) => seq('lookahead', $.names),

    arguments: ($) => seq('(', optional(list_that_may_end_in_a_comma($._argument)), ')'),
    _argument: ($) => choice($.clause, $.mapping, $.named_argument, $.expression),
    named_argument: ($) => seq(field('name', $._name), '=', $.expression),
    clause: ($) => seq($.clause_word, choice(seq('not', $._axis_names), 'all', $._axis_names)),
    clause_word: () => prec(1, choice('over', 'between', 'along', 'into')),
    _axis_names: ($) => choice($.identifier, $.axis_names),
    axis_names: ($) => seq('(', list_that_may_end_in_a_comma($.identifier), ')'),
    mapping: ($) => seq($._map_side, '->', $._map_side),
    _map_side: ($) => choice($.number, $._name, $.tuple),
  },
});
