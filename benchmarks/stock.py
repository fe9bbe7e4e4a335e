"""What the desk is compared with: Django's own list of the same messages, as it comes."""

from django.contrib import admin
from django.urls import path

from config.urls import urlpatterns as wall_urls
from messages_app.models import Message


class StockAdmin(admin.ModelAdmin):
    """What a wall's admin is after ten minutes with Django's tutorial."""

    list_display = ("content", "author_name", "created_at", "status", "report_count")
    list_filter = ("status", "reason", "created_at")
    search_fields = ("content",)
    list_per_page = 50


site = admin.AdminSite("stock")
site.register(Message, StockAdmin)
urlpatterns = [path("stock/", site.urls), *wall_urls]
