import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DAY_MS = 86_400_000;

/** Files of a certificate authority made for one test. */
export interface Certificates {
  folder: string;
  ca: string;
  server: Pair;
  client: Pair;
  remove: () => Promise<void>;
}

interface Pair {
  cert: string;
  key: string;
}

/** Creates an authority, and a server and a client certificate signed by it, for localhost. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-ca-'));
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const authority = { name: 'test authority', ...newKeys() };
  const issue = async (name: string) => {
    const { publicKey, privateKey } = newKeys();
    const cert = await file(`${name}.pem`, certificate({ name, publicKey }, authority, FOR_LOCALHOST));
    return {
      cert,
      key: await file(`${name}.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    };
  };
  return {
    folder,
    ca: await file('ca.pem', certificate(authority, authority, OF_AN_AUTHORITY)),
    server: await issue('server'),
    client: await issue('client'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

/** An X.509 certificate, version 3, in PEM. Node.js can read one, but not create it. */
function certificate(
  subject: { name: string; publicKey: KeyObject },
  issuer: { name: string; privateKey: KeyObject },
  extension: Buffer,
): string {
  const content = sequence(
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1, ...randomBytes(8)])),
    sequence(ECDSA_WITH_SHA256),
    commonName(issuer.name),
    sequence(utcTime(Date.now() - DAY_MS), utcTime(Date.now() + DAY_MS)),
    commonName(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  const signature = sign('sha256', content, issuer.privateKey);
  const whole = sequence(content, sequence(ECDSA_WITH_SHA256), der(BIT_STRING, Buffer.from([0]), signature));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

const ECDSA_WITH_SHA256 = objectId('2a8648ce3d040302');
const OF_AN_AUTHORITY = extensionOf('551d13', sequence(der(BOOLEAN, Buffer.from([255]))));
const FOR_LOCALHOST = extensionOf(
  '551d11',
  sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1]))),
);

function extensionOf(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), der(OCTET_STRING, value));
}

function commonName(name: string): Buffer {
  return sequence(der(SET, sequence(objectId('550403'), der(UTF8_STRING, Buffer.from(name)))));
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(UTC_TIME, Buffer.from(digits.slice(2)));
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(SEQUENCE, ...parts);
}

/** One value of the distinguished encoding rules: tag, length, content. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...(length < 128 ? [length] : long)]), content]);
}
