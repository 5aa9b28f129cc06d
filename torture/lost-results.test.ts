import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../src/paths.js';
import { COMMITS } from './faults/lost-results.js';

const FOLDER = join(packageRoot, 'src', 'db');

test.each(COMMITS)(
  'the product still sends the statement by which $what is recognized',
  async ({ statement }) => {
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.ts'));
    const texts = await Promise.all(files.map((name) => readFile(join(FOLDER, name), 'utf8')));
    expect(texts.some((text) => statement.test(text))).toBe(true);
  },
);
