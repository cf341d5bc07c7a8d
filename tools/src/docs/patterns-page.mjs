/** @typedef {import('@arfuse/patterns').Spelling} Spelling */

/** @type {readonly { produces: Spelling['produces'], heading: string, text: string }[]} */
const SECTIONS = [
  {
    produces: 'collective.all_reduce',
    heading: 'All-reduce',
    text: 'A sum over the ranks of a group. Another reduce op is recognised and reported, and is never part of a site.',
  },
  {
    produces: 'norm.rms',
    heading: 'RMSNorm',
    text: '`x · rsqrt(mean(x²) + eps) · weight` over the last dimension, with or without a weight, and with `1 + weight`.',
  },
  {
    produces: 'norm.add_rms',
    heading: 'Residual add and RMSNorm in one op',
    text: 'Both results: the sum, and its norm.',
  },
  {
    produces: 'quant',
    heading: 'Quantisers',
    text: 'Scheme, scale floor, scale dtype, form and layout are attributes of the site. A kernel must match each of them.',
  },
];

/** What a stage leaves that something outside the site may read. @type {Readonly<Record<string, readonly string[]>>} */
const LEAVES = {
  all_reduce: ['all_reduce'],
  pre_norm: ['pre_norm'],
  residual: ['residual'],
  norm: ['norm'],
  quant: ['quant', 'scale'],
};

/** A Markdown code span that may hold backticks and stands in a table. @param {string} text */
function span(text) {
  const escaped = text.replace(/\|/g, '\\|');
  return escaped.includes('`') ? `\`\` ${escaped} \`\`` : `\`${escaped}\``;
}

/** @param {string} text */
function block(text) {
  return ['```text', text.trim(), '```', ''];
}

/**
 * `docs/patterns.md` from the pattern data.
 *
 * @param {object} data
 * @param {readonly import('@arfuse/patterns').Fusion[]} data.fusions
 * @param {readonly Spelling[]} data.spellings
 * @param {readonly { readonly op: string, readonly example: string }[]} data.alreadyFused
 * @returns {string}
 */
export function patternsPage({ fusions, spellings, alreadyFused }) {
  const lines = [
    '# What matches',
    '',
    '<!-- Written by tools/src/docs.mjs from the data of @arfuse/patterns. Edit those, then run: pnpm docs:patterns -->',
    '',
    'Matching has two layers. *Spellings* lift raw nodes to canonical ops, with the attributes that change results as data.',
    '*Fusions* are chains of canonical ops that start at one all-reduce, or at two whose results are only summed. Views that',
    'keep the last dimension, `alias`, `detach`, `clone`, `contiguous`, metadata assertions, paired casts and `wait_tensor`',
    'are looked through.',
    '',
    '## Fusions',
    '',
    'A site keeps the results that something outside it reads, and no others. `all_reduce` is the value behind a merge, a scale',
    'and a bias; `scale` is the one that a quantiser computes, so a static quantiser has none. A chain in which any other value',
    'escapes, such as the sum before a bias, is no site.',
    '',
  ];
  for (const { name, title, example, steps } of fusions) {
    const chain = [
      'all_reduce',
      ...steps.map(({ stage, optional }) => (optional ? `[${stage}]` : stage)),
    ];
    const outputs = ['all_reduce', ...steps.map(({ stage }) => stage)].flatMap(
      (stage) => LEAVES[stage] ?? [],
    );
    lines.push(`### \`${name}\``, '', `${title[0]?.toUpperCase()}${title.slice(1)}.`, '');
    lines.push(
      `Stages: ${chain.join(' → ')}; those in brackets where the graph has them.`,
      '',
      `Outputs: ${outputs.join(', ')}; those that something else reads.`,
      '',
      ...block(example),
    );
  }
  lines.push('## Spellings', '');
  for (const { produces, heading, text } of SECTIONS) {
    const members = spellings.filter((spelling) => spelling.produces === produces);
    if (members.length === 0) continue;
    lines.push(`### ${heading}`, '', text, '');
    const short = members.filter(({ example }) => !example.includes('\n'));
    if (short.length > 0) lines.push('| form | smallest example |', '| --- | --- |');
    for (const { title, example } of short)
      lines.push(`| ${title.replace(/\|/g, '\\|')} | ${span(example)} |`);
    if (short.length > 0) lines.push('');
    for (const { title, example } of members.filter((member) => !short.includes(member))) {
      lines.push(`${title[0]?.toUpperCase()}${title.slice(1)}:`, '', ...block(example));
    }
  }
  lines.push(
    '## Already fused',
    '',
    'Ops of engines that perform a whole site. They are reported with what arfuse would have chosen for them.',
    '',
  );
  lines.push('| op | smallest example |', '| --- | --- |');
  for (const { op, example } of alreadyFused) lines.push(`| \`${op}\` | ${span(example)} |`);
  return `${lines.join('\n')}\n`;
}
