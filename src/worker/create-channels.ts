import type { Settings } from '../config.js';
import type { Channel } from '../notify/channels.js';
import { createTelegram } from '../notify/telegram.js';
import { createWebhook } from '../notify/webhook.js';

/** The notification channels that the settings configure. */
export function createChannels(settings: Settings): Channel[] {
  const {
    TELEGRAM_BOT_TOKEN: token,
    TELEGRAM_CHAT_ID: chatId,
    TELEGRAM_BASE_URL: baseUrl,
    REAPER_WEBHOOK_URL: webhookUrl,
  } = settings;
  const channels: Channel[] = [];
  if (token !== undefined && chatId !== undefined) channels.push(createTelegram({ token, chatId, baseUrl }));
  if (webhookUrl !== undefined) channels.push(createWebhook(webhookUrl));
  return channels;
}
