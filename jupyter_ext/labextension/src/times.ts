/** Times for people, in the reader's own zone and language. */

/** "14:03", or with the day when it was not today. Empty for no time. */
export function shortTime(iso: string): string {
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) {
    return '';
  }
  const time: Intl.DateTimeFormatOptions = {
    hour: '2-digit',
    minute: '2-digit'
  };
  const today = moment.toDateString() === new Date().toDateString();
  return moment.toLocaleString(
    undefined,
    today ? time : { ...time, day: 'numeric', month: 'short' }
  );
}

/** "22 Nov 2026, 14:03:11 CET". */
export function fullTime(iso: string): string {
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) {
    return iso;
  }
  return moment.toLocaleString(undefined, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short'
  });
}
