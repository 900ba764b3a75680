"""Chat Completions, as OpenAI, Ollama, vLLM, LiteLLM, DeepSeek, Groq and many others speak it."""

from .adapter import OpenAIProvider
from .endpoint import chat_completions_url

__all__ = ["OpenAIProvider", "chat_completions_url"]
