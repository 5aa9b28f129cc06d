/** The one test vector of all implementations, as docs/tokens.md has it. */
export const TOKEN_VECTOR = {
  parts: {
    bootId: '0f1e2d3c-4b5a-4697-8877-665544332211',
    pidNamespace: '4026531836',
    pid: 4248,
    start: '123456789012',
  },
  token: 'jr1.jqeWY4b0bobv___8AAAQmAAcvpkaFL-z',
} as const;
