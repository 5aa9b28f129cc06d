import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/paths.js';

const LEFT_OUT = ['node_modules', 'dist', '.git', '.cache', 'coverage'];

/** Every Markdown file of the project, by its path from the project's folder. */
export async function findPages(folder = '.'): Promise<string[]> {
  const entries = await readdir(join(packageRoot, folder), { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter(({ name }) => !LEFT_OUT.includes(name))
      .map(async (entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return findPages(path);
        return entry.name.endsWith('.md') ? [path] : [];
      }),
  );
  return found.flat().sort();
}

/** A file of the project. */
export function readPage(path: string): Promise<string> {
  return readFile(join(packageRoot, path), 'utf8');
}

/** A fenced block of a page. */
export interface Block {
  language: string;
  text: string;
}

/** The fenced blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

/** The command lines of a block of language `sh`, without comments, each with its lines joined. */
export function commandsOf({ language, text }: Block): string[] {
  if (language !== 'sh' || text.startsWith('#!')) return [];
  return text
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)#.*$/, '').trim())
    .filter((line) => line !== '');
}

/** The words of a command line, as a shell would split them: quotes are understood, nothing is expanded. */
export function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );
}
