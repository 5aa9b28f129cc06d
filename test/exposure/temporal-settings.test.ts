import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readTemporalTarget } from '../../src/temporal/read-target.js';
import { cli, type Env } from '../cli/support.js';

const KEY = 'api-key-that-nobody-should-see';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'profile-'));
  file = join(folder, 'temporal.toml');
  const profile = ['address = "profile:7233"', 'namespace = "jobs"', `api_key = "${KEY}"`];
  const header = ['[profile.production.grpc_meta]', 'team = "blue"'];
  await writeFile(file, ['[profile.production]', ...profile, ...header].join('\n'));
});
afterAll(() => rm(folder, { recursive: true }));

const VALUES = ['ADDRESS', 'NAMESPACE', 'API_KEY', 'TLS', 'CODEC_ENDPOINT', 'CODEC_AUTH'];
const TLS_PARTS = ['CLIENT_CERT', 'CLIENT_KEY', 'SERVER_CA_CERT'];
const TLS_VALUES = TLS_PARTS.flatMap((part) => [`TLS_${part}_PATH`, `TLS_${part}_DATA`]);
const MORE = ['TLS_SERVER_NAME', 'TLS_DISABLE_HOST_VERIFICATION'];

describe('a variable of Temporal that is empty', () => {
  it.each(['CONFIG_FILE', 'PROFILE', ...VALUES, ...TLS_VALUES, ...MORE])(
    'TEMPORAL_%s: is not set',
    (name) => {
      expect(readTemporalTarget({ [`TEMPORAL_${name}`]: '' })).toEqual(readTemporalTarget({}));
    },
  );

  it.each([...VALUES, ...TLS_VALUES, ...MORE])('TEMPORAL_%s: leaves what the profile says', (name) => {
    const env = { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'production' };
    const target = readTemporalTarget(env);
    expect(target).toMatchObject({ namespace: 'jobs', connectionOptions: { apiKey: KEY, tls: true } });
    expect(readTemporalTarget({ ...env, [`TEMPORAL_${name}`]: '' })).toEqual(target);
  });

  it('TEMPORAL_CONFIG_FILE: the file where every client looks is read', async () => {
    await mkdir(join(folder, 'temporalio'));
    await copyFile(file, join(folder, 'temporalio', 'temporal.toml'));
    const env = { XDG_CONFIG_HOME: folder, TEMPORAL_CONFIG_FILE: '', TEMPORAL_PROFILE: 'production' };
    expect(readTemporalTarget(env).connectionOptions.address).toBe('profile:7233');
  });

  it('a header: takes away the one of the profile, as for every client', () => {
    const env = { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'production', TEMPORAL_GRPC_META_TEAM: '' };
    expect(readTemporalTarget(env).connectionOptions.metadata).toEqual({});
  });
});

describe('what cannot be used is refused with what to do and without the key', () => {
  /** By everything that connects, also where it would show a stack. */
  async function isRefused(env: Env, ...told: string[]): Promise<void> {
    for (const command of ['worker', 'sweep', 'doctor', 'up']) {
      const all = { DATABASE_URL: 'postgres://u@127.0.0.1:9/d', DEBUG: '1', ...env };
      const { code, stdout, stderr } = await cli([command], all);
      for (const text of told) expect(stderr, command).toContain(text);
      expect(code, command).toBe(1);
      expect(stdout + stderr, command).not.toContain(KEY);
    }
  }

  it.each([
    ['a profile that is not there', 'production', '[profile.default]', "Profile 'production' not found"],
    ['no profile at all', 'production', '', 'Expected TEMPORAL_* and the profile'],
    ['a file that is no TOML', 'default', `[profile.default]\napi_key = ${KEY}\n`, 'line 2'],
    ['a line too much', 'default', `[profile.default]\napi_key = "${KEY}"\naddress\n`, 'line 3'],
  ])('%s', async (_, profile, text, got) => {
    const bad = join(folder, 'bad.toml');
    await writeFile(bad, text);
    const env = { TEMPORAL_CONFIG_FILE: bad, TEMPORAL_PROFILE: profile };
    await isRefused(env, got, 'or the file that TEMPORAL_CONFIG_FILE names');
  });

  it('a flag, a key and a header', async () => {
    const reachable = { TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_TLS: 'false' };
    await isRefused(
      { ...reachable, TEMPORAL_TLS: 'yes', TEMPORAL_API_KEY: KEY },
      'TEMPORAL_TLS: expected true',
    );
    const unsendable = { TEMPORAL_API_KEY: `${KEY}\n`, TEMPORAL_GRPC_META_AUTHORIZATION: `${KEY}\n` };
    await isRefused(
      { ...reachable, ...unsendable },
      '2 mistakes',
      "TEMPORAL_API_KEY, or the profile's: expected printable",
      'TEMPORAL_GRPC_META_* (authorization): expected printable',
    );
  });
});
