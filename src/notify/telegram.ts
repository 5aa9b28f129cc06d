import type { Delivery } from '../domain/notification.js';
import type { Channel } from './channels.js';
import { postJson, retryAfterOf } from './post-json.js';
import { scrub } from './scrub.js';
import { judgeStatus } from './status.js';

/** Telegram takes no longer text. */
const TEXT_LIMIT = 4096;

/** What {@link createTelegram} needs. */
export interface TelegramOptions {
  /** `<digits>:<secret>` */
  token: string;
  chatId: string;
  /** Where the bot API is: https://api.telegram.org, or a server of one's own. */
  baseUrl: string;
}

/** Telegram knows no idempotency key: a message is sent at most once. */
export function createTelegram({ token, chatId, baseUrl }: TelegramOptions): Channel {
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}/bot${token}/sendMessage`);
  const secrets = [token, token.slice(token.indexOf(':') + 1)];

  return {
    name: 'telegram',
    atMostOnce: true,
    async send({ text }, signal): Promise<Delivery> {
      const posted = await postJson(url, { chat_id: chatId, text: shortened(text) }, { signal });
      if (posted.kind === 'unsent') return { result: 'not delivered', why: posted.why };
      if (posted.kind === 'unanswered') return { result: 'unknown', why: posted.why };
      const { status, headers, body } = posted;
      const answer = readAnswer(body);
      const why = `HTTP ${status}${answer.description ? `: ${scrub(answer.description, secrets)}` : ''}`;
      switch (judgeStatus(status)) {
        case 'taken':
          return { result: 'sent' };
        case 'later':
          return { result: 'not delivered', why, retryAfterS: answer.retryAfterS ?? retryAfterOf(headers) };
        case 'failed':
          return { result: 'unknown', why };
        case 'refused':
          return { result: 'refused', why: `${why}; see TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID` };
      }
    },
  };
}

function shortened(text: string): string {
  if (text.length <= TEXT_LIMIT) return text;
  // Not within a character that takes two.
  return `${text.slice(0, TEXT_LIMIT - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Reads Telegram's answer, whatever came. */
function readAnswer(body: string): { description?: string | undefined; retryAfterS?: number | undefined } {
  try {
    const { description, parameters } = JSON.parse(body) as { description?: unknown; parameters?: unknown };
    const { retry_after: retryAfter } = (parameters ?? {}) as { retry_after?: unknown };
    return {
      description: typeof description === 'string' ? description : undefined,
      retryAfterS: typeof retryAfter === 'number' && retryAfter > 0 ? retryAfter : undefined,
    };
  } catch {
    return {};
  }
}
