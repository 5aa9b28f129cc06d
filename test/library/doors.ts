import { join, relative } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../../src/paths.js';

/**
 * The modules that programs import, by their specifier. `job-reaper/workflows` is for Temporal's bundler alone: what its workflows take
 * and return are messages, whose names are a contract.
 */
export const DOORS = {
  'job-reaper': 'src/index.ts',
  'job-reaper/launcher': 'src/launcher.ts',
  'job-reaper/stamp': 'src/stamp.ts',
} as const;

export type Door = keyof typeof DOORS;

/** The doors' types as users see them, and one more file of the caller's among the sources. */
export function openDoors(extra?: { file: string; text: string; old: ts.Program }): {
  program: ts.Program;
  checker: ts.TypeChecker;
} {
  const configFile = join(packageRoot, 'tsconfig.json');
  const { config } = ts.readConfigFile(configFile, (path) => ts.sys.readFile(path)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: Object.values(DOORS) },
    ts.sys,
    packageRoot,
  );
  const host = ts.createCompilerHost({ ...options, noEmit: true });
  const paths = Object.values(DOORS).map((file) => join(packageRoot, file));
  if (extra !== undefined) {
    const { file, text } = extra;
    const real = { ...host };
    paths.push(file);
    host.fileExists = (path) => path === file || real.fileExists(path);
    host.readFile = (path) => (path === file ? text : real.readFile(path));
    host.getSourceFile = (path, languageVersion, ...rest) =>
      path === file
        ? ts.createSourceFile(path, text, languageVersion, true)
        : real.getSourceFile(path, languageVersion, ...rest);
  }
  const program = ts.createProgram(paths, { ...options, noEmit: true }, host, extra?.old);
  return { program, checker: program.getTypeChecker() };
}

/** What a door exports, by name, with aliases resolved. */
export function exportsOf(
  { program, checker }: ReturnType<typeof openDoors>,
  door: Door,
): Map<string, ts.Symbol> {
  const source = program.getSourceFile(join(packageRoot, DOORS[door]));
  const symbol = source && checker.getSymbolAtLocation(source);
  if (!symbol) throw new Error(`Expected ${DOORS[door]} to be a module, got none`);
  return new Map(
    checker
      .getExportsOfModule(symbol)
      .map((each) => [each.name, each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each]),
  );
}

/** Something public: an export, or a member of one, by its path from the export. */
export interface Public {
  /** `ReaperClient.hold` */
  path: string;
  symbol: ts.Symbol;
  declarations: ts.Declaration[];
}

/** Exports and, below them, everything that they mention and this project declares, each symbol once. */
export function everythingPublic(
  { checker }: ReturnType<typeof openDoors>,
  exported: Map<string, ts.Symbol>,
): Public[] {
  const found = new Map<ts.Symbol, Public>();
  const visitNode = (node: ts.Node, path: string): void => {
    ts.forEachChild(node, (child) => {
      // What is inside a function, private, or a value, is nobody's business outside.
      if (
        ts.isBlock(child) ||
        (ts.isExpression(child) && !ts.isIdentifier(child) && !ts.isExpressionWithTypeArguments(child))
      ) {
        return;
      }
      if (ts.isClassElement(child) && child.name && ts.isPrivateIdentifier(child.name)) return;
      if (ts.isIdentifier(child) && (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)))
        visit(checker.getSymbolAtLocation(child), child.text);
      const named = ts.isTypeElement(child) || ts.isClassElement(child) ? child.name : undefined;
      if (named && ts.isIdentifier(named)) visit(checker.getSymbolAtLocation(named), `${path}.${named.text}`);
      else visitNode(child, path);
    });
  };
  const visit = (symbol: ts.Symbol | undefined, path: string): void => {
    if (symbol === undefined) return;
    if (symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
    if (found.has(symbol)) return;
    const declarations = (symbol.declarations ?? []).filter(
      (node) => isOurs(node) && !ts.isTypeParameterDeclaration(node),
    );
    if (declarations.length === 0) return;
    found.set(symbol, { path, symbol, declarations });
    for (const declaration of declarations) visitNode(declaration, path);
  };
  for (const [name, symbol] of exported) visit(symbol, name);
  return [...found.values()];
}

function isOurs(node: ts.Node): boolean {
  return relative(packageRoot, node.getSourceFile().fileName).startsWith('src/');
}

/** The texts of a symbol's tags of one name. */
export function tagsOf({ declarations }: Public, name: string): string[] {
  return declarations.flatMap((node) =>
    ts
      .getJSDocTags(node)
      .filter((tag) => tag.tagName.text === name)
      .map((tag) => ts.getTextOfJSDocComment(tag.comment) ?? ''),
  );
}
