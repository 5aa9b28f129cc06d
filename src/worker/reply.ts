/** The admin port's answer to a request. */
export interface Reply {
  code: number;
  contentType: string;
  body: string;
}

/** Answers with JSON on one line. */
export function jsonReply(code: number, body: object): Reply {
  return { code, contentType: 'application/json', body: `${JSON.stringify(body)}\n` };
}
