/** The maximum number of bytes of a UTF-8 character. */
const CHARACTER_BYTES = 4;

/** Keeps the end of a process's output, in bounded memory. */
export class OutputTail {
  readonly #characters: number;
  #bytes: Buffer = Buffer.alloc(0);
  #cut = false;

  /** @param characters how many to keep at most */
  constructor(characters: number) {
    this.#characters = characters;
  }

  push(chunk: Buffer): void {
    const all = Buffer.concat([this.#bytes, chunk]);
    const limit = this.#characters * CHARACTER_BYTES;
    this.#cut ||= all.length > limit;
    // A copy, because a view would keep the whole chunk in memory.
    this.#bytes = this.#cut ? Buffer.from(all.subarray(-limit)) : all;
  }

  /** The end as text; invalid UTF-8 becomes U+FFFD. */
  text(): string {
    const start = this.#cut ? firstWholeCharacter(this.#bytes) : 0;
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#bytes.subarray(start));
    return Array.from(text).slice(-this.#characters).join('');
  }
}

/** Skips the rest of a character whose first byte was cut off. */
function firstWholeCharacter(bytes: Buffer): number {
  const start = bytes.subarray(0, CHARACTER_BYTES).findIndex((byte) => (byte & 0xc0) !== 0x80);
  return Math.max(0, start);
}
