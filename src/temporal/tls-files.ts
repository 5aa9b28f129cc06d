import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { loadConfigData, type ClientConfigTLS, type ConfigDataSource } from '@temporalio/envconfig';
import { shown } from './variables.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The name, in a message, of a value that is called so behind `TEMPORAL_`. */
export type Origin = (name: string) => string;

/**
 * What is wrong with the certificates and the key of a profile. Half a pair, or an authority that cannot be read, would be
 * left out, and the rest be told of as a server that does not answer.
 */
export function checkTlsFiles(tls: ClientConfigTLS, origin: Origin): string[] {
  const mistakes: string[] = [];
  if ((tls.clientCert === undefined) !== (tls.clientKey === undefined)) {
    const [here, missing] =
      tls.clientKey === undefined ? ['CLIENT_CERT', 'CLIENT_KEY'] : ['CLIENT_KEY', 'CLIENT_CERT'];
    mistakes.push(
      `${origin(`TLS_${here}`)}: expected the other half of the pair too, got nothing: set TEMPORAL_TLS_${missing}_PATH or tls.${missing.toLowerCase()}_path of the profile`,
    );
  }
  read('TLS_SERVER_CA_CERT', tls.serverCACert, 'a certificate in PEM', parseCertificates);
  const chain = read('TLS_CLIENT_CERT', tls.clientCert, 'a certificate in PEM', parseCertificates);
  const key = read('TLS_CLIENT_KEY', tls.clientKey, 'a private key in PEM, without a passphrase', parseKey);
  if (chain?.[0] && key && !chain[0].checkPrivateKey(key)) {
    mistakes.push(
      `${origin('TLS_CLIENT_KEY')}: expected the key of ${origin('TLS_CLIENT_CERT')}, got another's`,
    );
  }
  return mistakes;

  function read<T>(
    name: string,
    source: ConfigDataSource | undefined,
    expected: string,
    parse: (text: string) => T,
  ): T | undefined {
    if (source === undefined) return undefined;
    let text: string;
    try {
      text = Buffer.from(loadConfigData(source) ?? []).toString();
    } catch (error) {
      const path = 'path' in source ? shown(source.path) : '"<hidden>"';
      const { code = 'an error' } = error as NodeJS.ErrnoException;
      mistakes.push(`${origin(name)}: expected a file that can be read, got ${code} at ${path}`);
      return undefined;
    }
    try {
      return parse(text);
    } catch {
      // Without the reason, which says little and may quote.
      mistakes.push(`${origin(name)}: expected ${expected}, got something else`);
      return undefined;
    }
  }
}

/** @throws when there is none, or one that is broken */
function parseCertificates(text: string): X509Certificate[] {
  const blocks = text.match(CERTIFICATE);
  if (blocks === null) throw new Error('no certificate');
  return blocks.map((block) => new X509Certificate(block));
}

/** @throws for what is none, or needs a passphrase */
function parseKey(text: string): KeyObject {
  return createPrivateKey(text);
}
