"""The engine that asks a language model at any address that speaks OpenAI's protocol."""
