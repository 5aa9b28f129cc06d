import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SettingsError } from '../../src/config.js';
import { readTemporalTarget } from '../../src/temporal/read-target.js';
import { makeCertificates, type Certificates } from '../support/certificates.js';

const KEY = 'api-key-that-nobody-should-see';
const FAR = { TEMPORAL_ADDRESS: 'temporal.example.com:7233' };

let certificates: Certificates;
let PAIR: Record<string, string>;

beforeAll(async () => {
  certificates = await makeCertificates();
  const { client } = certificates;
  PAIR = { TEMPORAL_TLS_CLIENT_CERT_PATH: client.cert, TEMPORAL_TLS_CLIENT_KEY_PATH: client.key };
});
afterAll(() => certificates.remove());

function mistakes(env: NodeJS.ProcessEnv): string[] {
  try {
    readTemporalTarget(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.mistakes;
    throw error;
  }
  return [];
}

function tlsOf(env: NodeJS.ProcessEnv): unknown {
  return readTemporalTarget(env).connectionOptions.tls;
}

describe('TEMPORAL_TLS', () => {
  it.each(['true', '1', 'TRUE', 'True'])('%s: TLS, with and without a key', (value) => {
    expect(tlsOf({ TEMPORAL_TLS: value })).toBeTypeOf('object');
    expect(tlsOf({ ...FAR, TEMPORAL_TLS: value, TEMPORAL_API_KEY: KEY })).toBeTypeOf('object');
  });

  it.each(['false', '0', 'FALSE'])('%s: no TLS', (value) => {
    expect(tlsOf({ TEMPORAL_TLS: value })).toBe(false);
  });

  it.each(['yes', 'on', 'true ', ' false', 'tru', '2', '-1', 'enabled', 'no', 'off'])(
    '%j is neither, and refused',
    (value) => {
      const expected = [`TEMPORAL_TLS: expected true, false, 1 or 0, got "${value}"`];
      expect(mistakes({ TEMPORAL_TLS: value })).toEqual(expected);
      expect(mistakes({ TEMPORAL_TLS: value, TEMPORAL_API_KEY: KEY })).toEqual(expected);
      expect(mistakes({ TEMPORAL_TLS: value, ...PAIR })).toEqual(expected);
    },
  );
});

describe('an API key', () => {
  it('turns TLS on', () => {
    expect(tlsOf({ ...FAR, TEMPORAL_API_KEY: KEY })).toBe(true);
  });

  it.each([
    'temporal.example.com:7233',
    '10.0.0.1:7233',
    '[2001:db8::1]:7233',
    'localhost.example.com:1',
    '128.0.0.1:1',
  ])('is not sent to %s in cleartext', (address) => {
    expect(mistakes({ TEMPORAL_ADDRESS: address, TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: KEY })).toEqual([
      `TEMPORAL_TLS, or the profile's: expected TLS to be on, because the API key would go to another machine in cleartext, got "off"`,
    ]);
  });

  it.each(['localhost:7233', '127.0.0.1:7233', '127.1.2.3:1', '[::1]:7233', undefined])(
    'may go in cleartext to %s, on this machine',
    (address) => {
      const env = { TEMPORAL_ADDRESS: address, TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: KEY };
      expect(readTemporalTarget(env).connectionOptions).toMatchObject({ apiKey: KEY, tls: false });
    },
  );
});

describe('TEMPORAL_ADDRESS', () => {
  it.each([
    'h:1',
    'temporal.example.com:7233',
    'my_service:65535',
    '127.0.0.1:7233',
    '[::1]:7233',
    '[::ffff:10.0.0.1]:1',
  ])('may be %s', (address) => {
    expect(readTemporalTarget({ TEMPORAL_ADDRESS: address }).connectionOptions.address).toBe(address);
  });

  it.each([
    'a b',
    'h',
    'h:',
    ':7233',
    'h:0',
    'h:99999',
    'h:65536',
    'h:1x',
    'h:1:2',
    'h:1/',
    'h-:1',
    '::1:7233',
    '[h]:1',
    ' h:1',
    'bücher.example:1',
    `${'h'.repeat(300)}:1`,
  ])('is refused as %j', (address) => {
    const [mistake, ...others] = mistakes({ TEMPORAL_ADDRESS: address });
    expect(mistake).toMatch(
      /^TEMPORAL_ADDRESS.*: expected <host>:<port> or \[<IPv6 address>\]:<port>.*, got "/,
    );
    expect(others).toEqual([]);
  });

  it.each(['http://h:1', 'https://user:geheim@h:1', 'geheim@h:1'])(
    'is refused as %s, and hidden',
    (address) => {
      expect(mistakes({ TEMPORAL_ADDRESS: address }).join()).toMatch(
        /^TEMPORAL_ADDRESS.*: expected.*got "<hidden>"$/,
      );
    },
  );
});

describe('certificates and keys', () => {
  const broken = (text: string) => text.replace(/\n.{20}/, `\n${'A'.repeat(20)}`);
  const read = (path: string) => readFile(path, 'utf8');

  it('are taken from files and from variables', async () => {
    const { ca, client } = certificates;
    const paths = {
      ...PAIR,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: ca,
      TEMPORAL_TLS_SERVER_NAME: 'temporal.internal',
    };
    const data = {
      TEMPORAL_TLS_CLIENT_CERT_DATA: await read(client.cert),
      TEMPORAL_TLS_CLIENT_KEY_DATA: await read(client.key),
      TEMPORAL_TLS_SERVER_CA_CERT_DATA: await read(ca),
      TEMPORAL_TLS_SERVER_NAME: 'temporal.internal',
    };
    expect(mistakes(paths)).toEqual([]);
    expect(JSON.stringify(tlsOf(data))).toBe(JSON.stringify(tlsOf(paths)));
    expect(tlsOf(data)).toMatchObject({ serverNameOverride: 'temporal.internal' });
  });

  it.each(['CERT', 'KEY'])('half a pair, the %s alone, is refused', (half) => {
    const name = `TEMPORAL_TLS_CLIENT_${half}_PATH`;
    expect(mistakes({ [name]: PAIR[name] })).toEqual([
      "TEMPORAL_TLS_CLIENT_CERT_* and TEMPORAL_TLS_CLIENT_KEY_*, or the profile's: expected both or neither, got one: set the other too",
    ]);
  });

  it('of two pairs are refused', () => {
    const found = mistakes({ ...PAIR, TEMPORAL_TLS_CLIENT_KEY_PATH: certificates.server.key });
    expect(found.join()).toMatch(/^TEMPORAL_TLS_CLIENT_CERT_\* and .*: expected .*key values mismatch"$/);
  });

  it.each(['CLIENT_CERT', 'CLIENT_KEY', 'SERVER_CA_CERT'])(
    '%s that is none is refused, unquoted',
    async (name) => {
      const { ca, client } = certificates;
      const right = { CLIENT_CERT: client.cert, CLIENT_KEY: client.key, SERVER_CA_CERT: ca }[name] ?? '';
      const others = Object.fromEntries(Object.entries(PAIR).filter(([each]) => !each.includes(name)));
      for (const text of ['geheim', broken(await read(right))]) {
        const [found, ...more] = mistakes({ ...others, [`TEMPORAL_TLS_${name}_DATA`]: text });
        expect(found).toMatch(
          new RegExp(`TEMPORAL_TLS_${name}_\\*.*: expected a certificate in PEM.*, got "`),
        );
        expect(found).not.toContain(text);
        expect(more).toEqual([]);
      }
    },
  );

  it('that cannot be read are refused, by their path unless that is a key', async () => {
    const key = (await read(certificates.client.key)).replaceAll('\n', ' ');
    const refused = (path: string) => () => mistakes({ ...PAIR, TEMPORAL_TLS_CLIENT_KEY_PATH: path });
    const expected = 'Expected TEMPORAL_* and the profile that they name to be readable, got';
    expect(refused('/nowhere/client.key')).toThrow(
      `${expected} "ENOENT: no such file or directory, open '/no`,
    );
    expect(refused(certificates.folder)).toThrow(`${expected} "EISDIR: `);
    expect(refused(key)).toThrow(`${expected} "<hidden>"`);
  });

  it('are not looked at when TLS is off', () => {
    expect(tlsOf({ TEMPORAL_TLS: 'false', TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/client.pem' })).toBe(
      false,
    );
  });
});

describe('a profile', () => {
  async function mistakesIn(lines: string[]): Promise<string[]> {
    const file = join(certificates.folder, 'temporal.toml');
    await writeFile(file, ['[profile.default]', ...lines].join('\n'));
    return mistakes({ TEMPORAL_CONFIG_FILE: file });
  }

  it.each([
    ['address = 7233', "TEMPORAL_ADDRESS, or the profile's: expected <host>:<port>"],
    ['address = ""', "TEMPORAL_ADDRESS, or the profile's: expected <host>:<port>"],
    ['api_key = 5', "TEMPORAL_API_KEY, or the profile's: expected printable ASCII"],
    ['api_key = ""', "TEMPORAL_API_KEY, or the profile's: expected printable ASCII"],
    ['grpc_meta = { team = 5 }', 'TEMPORAL_GRPC_META_* (team): expected printable ASCII'],
  ])('that says %s is refused', async (line, expected) => {
    expect((await mistakesIn([line])).join('\n')).toContain(expected);
  });

  it('that names half a pair is refused', async () => {
    const found = await mistakesIn([`tls = { client_cert_path = "${certificates.client.cert}" }`]);
    expect(found.join()).toContain("or the profile's: expected both or neither");
  });

  it('in a file that is not there is refused: TLS would be off', () => {
    expect(() => mistakes({ TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' })).toThrow(
      'got "ENOENT: no such file or directory, open \'/nowhere/temporal.toml\'": correct them, or the file',
    );
  });
});

it.each(['', ' ', '\t\n'])('a variable that is set to %j is not set', (blank) => {
  const env = { TEMPORAL_NAMESPACE: blank, TEMPORAL_ADDRESS: blank, TEMPORAL_TLS: blank };
  expect(readTemporalTarget(env)).toEqual(readTemporalTarget({}));
});

describe('whatever the environment says', () => {
  const SECRET = 'geheim';
  const odd = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      '',
      ' ',
      'true',
      'false',
      '1',
      '0',
      'TRUE',
      'yes',
      'on',
      'true ',
      'x'.repeat(100_000),
      '\0',
    ),
    fc.constantFrom(
      `${SECRET}\n`,
      `https://u:${SECRET}@h:1`,
      `${SECRET}é`,
      `-----BEGIN PRIVATE KEY-----\n${SECRET}`,
    ),
  );
  const either = (...right: string[]) =>
    fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...right) }, { weight: 1, arbitrary: odd });
  const values = {
    TEMPORAL_ADDRESS: either('h:1', '10.0.0.1:7233', 'localhost:1', '[::1]:7233', 'http://h:1', 'h:99999'),
    TEMPORAL_NAMESPACE: either('jobs'),
    TEMPORAL_API_KEY: either(SECRET),
    TEMPORAL_TLS: either('true', 'false', 'TRUE', '0'),
    TEMPORAL_TLS_CLIENT_CERT_PATH: either('cert', 'ca', 'folder'),
    TEMPORAL_TLS_CLIENT_KEY_PATH: either('key', 'other key'),
    TEMPORAL_TLS_CLIENT_KEY_DATA: odd,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: either('ca', 'key'),
    TEMPORAL_GRPC_META_X: either('x'),
  };
  const names = Object.keys(values) as (keyof typeof values)[];
  const inClear: typeof names = ['TEMPORAL_ADDRESS', 'TEMPORAL_API_KEY', 'TEMPORAL_TLS'];
  const env = fc
    .oneof(fc.subarray(names, { maxLength: 4 }), fc.constant(inClear))
    .chain((drawn) => fc.record(Object.fromEntries(drawn.map((name) => [name, values[name]]))));
  const isBlank = (value: string | undefined) => value === undefined || value.trim() === '';

  it('TLS is on if anything asks for it and nothing turns it off, or the mistakes are told without a secret', () => {
    const { client, server, ca, folder } = certificates;
    const paths = new Map([
      ['cert', client.cert],
      ['key', client.key],
      ['other key', server.key],
      ['ca', ca],
      ['folder', folder],
    ]);
    let targets = 0;
    let refusals = 0;
    fc.assert(
      fc.property(env, (drawn) => {
        const given = Object.fromEntries(
          Object.entries(drawn).map(([name, value]) => [
            name,
            name.endsWith('_PATH') ? (paths.get(value) ?? value) : value,
          ]),
        );
        try {
          const { connectionOptions, namespace } = readTemporalTarget(given);
          targets += 1;
          const { address: at = 'localhost:7233', tls, apiKey } = connectionOptions;
          const isOff = /^(false|0)$/i.test(given['TEMPORAL_TLS'] ?? '');
          const asks = Object.keys(given).some(
            (name) => /^TEMPORAL_(TLS|API_KEY)/.test(name) && !isBlank(given[name]),
          );
          expect(tls === true || typeof tls === 'object').toBe(asks && !isOff);
          if (apiKey !== undefined && !tls) expect(at).toMatch(/^(localhost|\[::1\]):/);
          expect(at).toMatch(/^[^\s/@]+:\d{1,5}$/);
          expect(namespace.trim()).not.toBe('');
        } catch (error) {
          refusals += 1;
          const { message } = error as Error;
          if (!(error instanceof SettingsError))
            expect(message).toMatch(/^Expected TEMPORAL_\* and the profile/);
          else
            for (const mistake of error.mistakes)
              expect(mistake).toMatch(/^TEMPORAL_[A-Z_*]+[^:]*: expected/);
          expect(message).not.toContain(SECRET);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(targets, refusals)).toBeGreaterThan(100);
  });
});
