/** sysexits' EX_CONFIG: something in the configuration has to be mended, a restart alone will not help. */
export const badConfiguration = 78

/** After the signal to end, what is still in flight then is given up, in ms: within ten seconds, the log's end included. */
export const longestEnd = 9_400
