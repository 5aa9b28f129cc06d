import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SHIPPED_ADAPTERS } from '../../../src/db/adapter/source.js';
import { packageRoot } from '../../../src/paths.js';

it('every shipped adapter is listed, and no other', async () => {
  expect((await readdir(join(packageRoot, 'sql', 'adapters'))).sort()).toEqual(SHIPPED_ADAPTERS);
});
