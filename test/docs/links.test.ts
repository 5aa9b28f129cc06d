import { access, stat } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { findPages, readPage } from './support.js';

const LARGEST_IMAGE = 200_000;
const pages = await findPages();

it.each(pages)('%s links to what there is', async (path) => {
  const text = await readPage(path);
  const broken: string[] = [];
  for (const target of linksOf(text)) {
    const [file = '', anchor] = target.split('#');
    const linked = file === '' ? path : normalize(join(dirname(path), file));
    if (!(await isThere(linked))) broken.push(target);
    else if (anchor !== undefined && !anchorsOf(await readPage(linked)).includes(anchor)) broken.push(target);
  }
  expect(broken).toEqual([]);
});

it('shows every image somewhere, and none is large', async () => {
  const shown = new Set<string>();
  for (const path of pages) {
    for (const target of linksOf(await readPage(path)).filter((link) => link.endsWith('.png'))) {
      const image = normalize(join(dirname(path), target));
      shown.add(image);
      expect((await stat(join(packageRoot, image))).size, image).toBeLessThan(LARGEST_IMAGE);
    }
  }
  expect(shown.size).toBeGreaterThan(3);
});

it('has every page of docs in its index', async () => {
  const index = await readPage('docs/README.md');
  const missing = pages.filter((path) => /^docs\/[^/]+\.md$/.test(path) && path !== 'docs/README.md');
  expect(missing.filter((path) => !index.includes(`(${path.slice('docs/'.length)})`))).toEqual([]);
});

/** What a page links to inside the project: inline links, images and references. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
  const inline = [...prose.matchAll(/\]\(([^)\s]+)\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]: (\S+)$/gm)];
  return [...inline, ...references]
    .map(([, target = '']) => target)
    .filter((target) => !/^https?:/.test(target));
}

/** The anchors of a page's headings, as GitHub names them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

async function isThere(path: string): Promise<boolean> {
  return access(join(packageRoot, path)).then(
    () => true,
    () => false,
  );
}
