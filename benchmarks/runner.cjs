// The same as runner.py for a Node function: `runner.cjs HANDLER_FILE EVENTS RESULTS`.
'use strict';
const fs = require('node:fs');
const https = require('node:https');

// The CDK's handler leaves the port of the response URL out.
const { port } = new URL(process.env.RESPONSES);
const request = https.request;
https.request = (options, callback) => request({ ...options, port }, callback);

const [file, events, results] = process.argv.slice(2);
const { handler } = require(file);
const context = {
  functionName: 'benchmark',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:benchmark',
  awsRequestId: '11111111-2222-3333-4444-555555555555',
  logStreamName: 'stream',
  getRemainingTimeInMillis: () => 600000,
};

async function main() {
  const seconds = [];
  for (const request of JSON.parse(fs.readFileSync(events, 'utf8'))) {
    await handler(request, context);
    const { user, system } = process.cpuUsage();
    seconds.push((user + system) / 1e6);
  }
  fs.writeFileSync(results, JSON.stringify(seconds));
  process.exit(0);
}

main();
