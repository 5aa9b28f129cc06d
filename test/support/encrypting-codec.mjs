// A payload codec as an operator would write it, with a key that only tests use.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { temporal } from '@temporalio/proto';

const { Payload } = temporal.api.common.v1;
const KEY = Buffer.alloc(32, 7);
const ENCODING = 'binary/encrypted';

function encrypt(payload) {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', KEY, iv);
  const text = Buffer.concat([cipher.update(Payload.encode(payload).finish()), cipher.final()]);
  return {
    metadata: { encoding: Buffer.from(ENCODING) },
    data: Buffer.concat([iv, cipher.getAuthTag(), text]),
  };
}

function decrypt(payload) {
  if (Buffer.from(payload.metadata?.encoding ?? []).toString() !== ENCODING) return payload;
  const data = Buffer.from(payload.data);
  const decipher = createDecipheriv('aes-256-gcm', KEY, data.subarray(0, 12));
  decipher.setAuthTag(data.subarray(12, 28));
  return Payload.decode(Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]));
}

export const payloadCodecs = [
  {
    encode: (payloads) => Promise.resolve(payloads.map(encrypt)),
    decode: (payloads) => Promise.resolve(payloads.map(decrypt)),
  },
];
