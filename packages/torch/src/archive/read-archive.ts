import { GraphFormatError, UnsupportedError } from '@arfuse/contract';
import { isExportedProgram, readExportedProgram } from '../exported/index.ts';
import type { ImportedProgram, ImportOptions, ImportResult, Skipped } from '../importer.ts';
import type { StreamOptions } from '../input/byte-source.ts';
import { parseJson } from '../json/parse-json.ts';
import { cut, quote } from '../quote.ts';
import { memberPlace, ZipReader } from './zip.ts';

/** Layout of torch ≤ 2.7, before models had a folder. */
const LEGACY_MODEL = 'serialized_exported_program.json';

/** What the archive's members are, for those that are left alone. */
const MEMBERS: readonly (readonly [pattern: RegExp, what: string, reason: string])[] = [
  [/(^|\/)data\/weights\//, 'data/weights', 'weights are never read'],
  [/(^|\/)data\/constants\//, 'data/constants', 'constants are never read'],
  [
    /(^|\/)data\/sample_inputs\//,
    'data/sample_inputs',
    'example inputs are pickles, which are never read',
  ],
  [
    /(^|\/)data\/(aotinductor|executorch)\//,
    'data/aotinductor, data/executorch',
    'compiled code holds no graph',
  ],
  [
    /(^|\/)serialized_(state_dict|constants|example_inputs)\./,
    'serialized_*',
    'weights and example inputs are never read',
  ],
  [/(^|\/)extra\//, 'extra', 'user files'],
];

/** An error for an archive without a model, which says what it is instead. */
function noModel(names: readonly string[], source: string): never {
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const what = has(/(^|\/)data\/aotinductor\//)
    ? 'an AOTInductor package, which holds compiled code and no graph'
    : has(/(^|\/)constants\.pkl$/)
      ? 'a TorchScript archive'
      : has(/(^|\/)data\.pkl$/)
        ? 'a torch.save checkpoint (a pickle, never read)'
        : names.length === 0
          ? 'an empty ZIP archive'
          : `a ZIP archive of ${names.length} members without models/*.json`;
  throw new UnsupportedError({
    message: `this is ${what}.`,
    hint: 'Give an archive that torch.export.save wrote.',
    place: { file: source },
  });
}

async function checkVersion(
  zip: ZipReader,
  root: string,
  source: string,
  warnings: string[],
): Promise<void> {
  const version = `${root}archive_version`;
  if (zip.has(version)) {
    const text = (await zip.text(version)).trim();
    if (text !== '0') {
      throw new UnsupportedError({
        message: `this .pt2 archive has version ${quote(text)}; arfuse reads version 0.`,
        hint: 'Upgrade @arfuse/torch, or save the program with an older PyTorch.',
        place: { file: memberPlace(source, version) },
        details: { version: cut(text) },
      });
    }
  }
  const order = `${root}byteorder`;
  if (zip.has(order)) {
    const text = (await zip.text(order)).trim();
    if (text !== 'little')
      warnings.push(
        `${memberPlace(source, order)} says ${quote(text)}; only the graph is read, which has no byte order.`,
      );
  }
}

function skippedMembers(names: readonly string[]): Skipped[] {
  return MEMBERS.flatMap(([pattern, what, reason]) => {
    const count = names.filter((name) => pattern.test(name)).length;
    return count === 0 ? [] : [{ what: `${what} (${count} members)`, reason }];
  });
}

/**
 * Reads every program of a `.pt2` archive. Only `models/*.json` and two one-word members are read: weights stay on
 * disk, pickles are never touched.
 * @param input - path of a file (read with random access), or the archive in memory
 * @throws GraphFormatError, LimitError, UnsupportedError, with the member in `place.file` (`a.pt2!root/models/model.json`)
 */
export async function readArchive(
  input: string | Buffer,
  stream: StreamOptions,
  options: ImportOptions,
): Promise<ImportResult> {
  const { source } = stream;
  const zip = await ZipReader.open(input, stream);
  try {
    const { names } = zip;
    const models = names.filter((name) => /^(?:[^/]+\/)?models\/[^/]+\.json$/.test(name));
    const members =
      models.length > 0
        ? models
        : names.filter((name) => /^(?:[^/]+\/)?serialized_exported_program\.json$/.test(name));
    if (members.length === 0) noModel(names, source);
    const root = rootOf(members, source);
    const warnings: string[] = [];
    await checkVersion(zip, root, source, warnings);
    const programs: ImportedProgram[] = [];
    for (const member of members) {
      stream.signal?.throwIfAborted();
      const place = memberPlace(source, member);
      const name = member.endsWith(LEGACY_MODEL)
        ? 'model'
        : member.slice(member.lastIndexOf('/') + 1, -'.json'.length);
      const document = parseJson(await zip.text(member), {
        source: place,
        maxDepth: stream.limits.maxDepth,
      });
      if (!isExportedProgram(document)) {
        throw new GraphFormatError({
          message: 'the member holds no ExportedProgram (it has no "graph_module").',
          hint: 'Save the program again with torch.export.save.',
          place: { file: place, pointer: '' },
        });
      }
      const graph = readExportedProgram(document, {
        source: place,
        format: 'pt2',
        name,
        limits: stream.limits,
        redact: options.redact ?? false,
      });
      warnings.push(...(graph.meta.warnings ?? []));
      programs.push({ name, source: place, graph });
    }
    return { programs, otherRanks: [], skipped: skippedMembers(names), warnings };
  } finally {
    zip.close();
  }
}

/** The one folder that everything lies in, with its slash; empty for the legacy layout. */
function rootOf(members: readonly string[], source: string): string {
  const roots = new Set(
    members.map((member) =>
      member.replace(/(models\/[^/]+\.json|serialized_exported_program\.json)$/, ''),
    ),
  );
  if (roots.size > 1) {
    throw new GraphFormatError({
      message: `the archive has models under several roots: ${[...roots].slice(0, 3).map(quote).join(', ')}.`,
      hint: 'A .pt2 archive has one root folder; save the program again.',
      place: { file: source },
    });
  }
  return [...roots][0] ?? '';
}
