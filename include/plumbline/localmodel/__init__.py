"""
The embedded model server: the OpenAI HTTP API on 127.0.0.1, with no key and no network.

It exists so that the very client code that talks to the provider can be run, tested and billed
on one machine.  Four promises follow, and tests hold us to each:

- it speaks the provider's protocol, errors, limits and headers included;
- it keeps a bill (`GET /_meter`) that tests read as if it came from the provider;
- the same input gives the same answer, byte for byte, whatever else is in the request;
- every answer is labelled for what it is: `local-wordllama`, `local-extractive` or `local-wordlists`.

It is a stand-in for rehearsal, never dressed up as more: embeddings are real static vectors, chat
answers and arguments of tool calls are extracted from the text that came with the question, and nothing
is generated.  Files and batches live in memory and a temporary folder, and are gone with the process.

Run it with `python -m plumbline.localmodel`; start one inside a test with
`plumbline.localmodel.testing.running_server`.
"""
