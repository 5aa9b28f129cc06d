import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { cli, createPlace, kill, startCli, type Env, type Place } from '../cli/support.js';
import { makeCertificates, type Certificates } from '../support/certificates.js';
import { startGateway, type Gateway } from '../support/temporal-gateway.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';

describe('a profile of the configuration file', () => {
  let certificates: Certificates;
  let place: Place;
  let gateway: Gateway;

  beforeAll(async () => {
    certificates = await makeCertificates();
  });
  afterAll(() => certificates.remove());
  beforeEach(async () => {
    place = await createPlace();
  });
  afterEach(async () => {
    await gateway.close();
    const connection = await Connection.connect({ address: inject('temporalAddress') });
    await terminateAll(new Client({ connection }), place.name);
    await connection.close();
    await place.db.drop();
  });

  async function profile(name: string, lines: string[]): Promise<Env> {
    const file = join(certificates.folder, `${name}.toml`);
    const address = `localhost:${gateway.port}`;
    await writeFile(
      file,
      [`[profile.${name}]`, `address = "${address}"`, 'namespace = "default"', ...lines].join('\n'),
    );
    return { ...place.env, TEMPORAL_ADDRESS: undefined, TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: name };
  }

  /** A worker that sweeps and a command that is answered. */
  async function works(env: Env): Promise<string> {
    const worker = startCli(['worker'], env);
    try {
      await eventually(
        'a sweep',
        async () => (await place.db.admin.query('select from reaper.last_sweep')).rowCount === 1,
      );
      const { code, stderr } = await cli(['sweep'], env);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      return worker.output();
    } finally {
      await kill(worker);
    }
  }

  const mutual = ({ client, ca }: Certificates) => [
    '[profile.mutual.tls]',
    `client_cert_path = "${client.cert}"`,
    `client_key_path = "${client.key}"`,
    `server_ca_cert_path = "${ca}"`,
  ];

  it('mutual TLS: worker and commands show their certificate', async () => {
    gateway = await startGateway(inject('temporalAddress'), certificates, true);
    await works(await profile('mutual', mutual(certificates)));
    expect(gateway.callers).toEqual(new Set(['client']));
  });

  it('mutual TLS without the certificate: a command is refused, with where it looked', async () => {
    gateway = await startGateway(inject('temporalAddress'), certificates, true);
    const env = await profile('mutual', [
      '[profile.mutual.tls]',
      `server_ca_cert_path = "${certificates.ca}"`,
    ]);
    const { code, stderr } = await cli(['sweep'], env);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`localhost:${gateway.port}`);
    expect(gateway.authorizations.size).toBe(0);
  });

  it('a server of an unknown authority is refused', async () => {
    gateway = await startGateway(inject('temporalAddress'), certificates, false);
    const { code } = await cli(
      ['sweep'],
      await profile('mutual', ['[profile.mutual.tls]', 'disabled = false']),
    );
    expect(code).not.toBe(0);
    expect(gateway.authorizations.size).toBe(0);
  });

  it('an API key goes with every call of worker and commands, and into no log', async () => {
    gateway = await startGateway(inject('temporalAddress'), certificates, false);
    const key = 'api-key-that-nobody-should-see';
    const env = await profile('cloud', [
      `api_key = "${key}"`,
      '[profile.cloud.tls]',
      `server_ca_cert_path = "${certificates.ca}"`,
    ]);
    const output = await works(env);
    expect(gateway.authorizations).toEqual(new Set([`Bearer ${key}`]));
    expect(output).not.toContain(key);
  });
});
