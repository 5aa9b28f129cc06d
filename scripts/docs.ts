import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { packageRoot } from '../src/paths.js';
import { settingsPage } from './docs/settings-page.js';

// npm run docs: writes the pages that are generated from the code. npm test fails while they differ.

const page = join(packageRoot, 'docs', 'settings.md');
const source = await readFile(join(packageRoot, 'src', 'config.ts'), 'utf8');
const options = await resolveConfig(page);
await writeFile(page, await format(settingsPage(source), { ...options, filepath: page }));
console.log('wrote docs/settings.md');
