import type { Client } from '@temporalio/client';
import { expect, it } from 'vitest';
import { ensureSearchAttributes, SearchAttributesError } from '../../src/temporal/search-attributes.js';

/** A client of a namespace without our search attributes, whose server refuses to add some. */
function refusedWith(code: number, details: string): Client {
  const error = Object.assign(new Error(`${code} ${details}`), { code });
  const operatorService = {
    listSearchAttributes: () => Promise.resolve({ customAttributes: {} }),
    addSearchAttributes: () => Promise.reject(error),
  };
  const client: unknown = { connection: { operatorService }, options: { namespace: 'orders' } };
  return client as Client;
}

it.each([
  ['no right', 7, 'PERMISSION_DENIED: Request unauthorized.'],
  ['another failure of the server', 13, 'INTERNAL: Unable to create frontend client: no hosts'],
])('names the command that registers them: %s', async (_, code, details) => {
  const refused = await ensureSearchAttributes(refusedWith(code, details)).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(SearchAttributesError);
  expect((refused as Error).message).toContain(
    'temporal operator search-attribute create --namespace orders --name ReaperJob --type Keyword',
  );
});

it('names no command if there is no room', async () => {
  const full =
    'INVALID_ARGUMENT: Unable to create search attributes: cannot have more than 10 search attribute of type Keyword.';
  const refused = await ensureSearchAttributes(refusedWith(3, full)).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(SearchAttributesError);
  expect((refused as Error).message).toContain('REAPER_SEARCH_ATTRIBUTES=false on every worker');
  expect((refused as Error).message).not.toContain('search-attribute create');
});

it.each([
  ['away', 14, 'UNAVAILABLE: no connection'],
  ['beyond its rate limit', 8, 'RESOURCE_EXHAUSTED: namespace rate limit exceeded'],
])('leaves it to a retry when the server is %s', async (_, code, details) => {
  await expect(ensureSearchAttributes(refusedWith(code, details))).rejects.not.toBeInstanceOf(
    SearchAttributesError,
  );
});
