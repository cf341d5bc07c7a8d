import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { publishedPackages } from '../lib/workspace.mjs';

/**
 * @typedef {{ file: string, line?: number, message: string }} Violation
 * @typedef {{ name: string, check(repository: Repository): Violation[] }} Rule
 */

/** What the rules look at: the files that git has or would add, read once. */
export class Repository {
  /** @type {Map<string, string>} */
  #texts = new Map();
  /** @type {Map<string, ts.SourceFile>} */
  #sources = new Map();

  /** @param {string} root */
  constructor(root) {
    this.root = root;
    /** Paths below the root, with forward slashes. @type {string[]} */
    this.files = listFiles(root);
    this.packages = publishedPackages(root);
  }

  /** @param {string} file */
  has(file) {
    return existsSync(join(this.root, file));
  }

  /** @param {string} file */
  read(file) {
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(join(this.root, file), 'utf8');
    this.#texts.set(file, text);
    return text;
  }

  /** @param {string} file a TypeScript or JavaScript file */
  source(file) {
    const known = this.#sources.get(file);
    if (known !== undefined) return known;
    const source = ts.createSourceFile(file, this.read(file), ts.ScriptTarget.ES2023, true);
    this.#sources.set(file, source);
    return source;
  }

  /** Source files of a package, tests excluded. @param {string} directory */
  sourcesOf(directory) {
    return this.files.filter(
      (file) => file.startsWith(`${directory}/src/`) && /\.[cm]?ts$/.test(file),
    );
  }

  /**
   * Every module that a file names in an import, export or import().
   * @param {string} file
   * @returns {{ specifier: string, line: number }[]}
   */
  importsOf(file) {
    const source = this.source(file);
    /** @type {{ specifier: string, line: number }[]} */
    const found = [];
    /** @param {ts.Node | undefined} literal */
    const add = (literal) => {
      if (!literal || !ts.isStringLiteralLike(literal)) return;
      found.push({ specifier: literal.text, line: lineOf(source, literal) });
    };
    /** @param {ts.Node} node */
    const visit = (node) => {
      if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
      if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
        add(node.argument.literal);
      if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        add(node.arguments[0]);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  }
}

/** @param {ts.SourceFile} source @param {ts.Node} node */
export function lineOf(source, node) {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

/** @param {string} root */
function listFiles(root) {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return listed
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)))
    .sort();
}
