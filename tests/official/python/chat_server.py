"""A chat endpoint for the tests, which answers customers of a shop and judges the answers."""

import contextlib
import http.server
import json
import threading


class ChatHandler(http.server.BaseHTTPRequestHandler):
    """Answers every request in the same way, depending only on its messages."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = json.dumps(request["messages"])
        if "response_format" in request:
            answer = "clear" if "days" in prompt else "vague"
            content = json.dumps({"analysis": "It names a number of days, or does not.", "answer": answer})
        else:
            content = "It takes five days." if "long" in prompt else "We will see."
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 30, "completion_tokens": 6, "total_tokens": 36}
        common = {"id": "cmpl-1", "object": "chat.completion", "created": 0, "model": request["model"]}
        body = json.dumps({**common, "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def chat_server():
    """Runs the endpoint, and returns its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ChatHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
